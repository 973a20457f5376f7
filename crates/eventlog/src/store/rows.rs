//! Many rows for one statement.
//!
//! Text stays text: it is never parsed by the database nor put inside a document that is. `SQLite` takes a parameter per
//! cell, Postgres one array per column; the statement that reads them is the same.

mod sqlite;

use std::borrow::Cow;

use futures_util::future::BoxFuture;
use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};

use super::connection::Connection;
use crate::StoreError;

/// One value of a row.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// A number.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// A UUID, hyphenated: `TEXT` in `SQLite`, `UUID` in Postgres.
    Uuid(uuid::Uuid),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Nothing, of a text column.
    NoText,
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NoText, Self::from)
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// What the database keeps is signed; every number of ours is far below 2⁶³.
impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

/// A table of `N` columns that goes with one statement, all cells of a column of the same kind.
#[derive(Debug)]
pub struct Rows<'a, const N: usize> {
    columns: [&'static str; N],
    rows: Vec<[Cell<'a>; N]>,
}

impl<'a, const N: usize> Rows<'a, N> {
    /// Rows under these names.
    pub fn new(columns: [&'static str; N], rows: Vec<[Cell<'a>; N]>) -> Self {
        Self { columns, rows }
    }

    /// Runs `sql`, in which `{rows}` stands where a table would: `INSERT INTO t SELECT a, b FROM {rows} WHERE true`.
    /// Nothing is done where there is no row. Many rows may take several runs.
    ///
    /// # Errors
    /// When the database fails.
    pub fn execute<'c>(
        &'c self,
        connection: &'c mut Connection,
        sql: &'c str,
    ) -> BoxFuture<'c, Result<(), StoreError>> {
        Box::pin(self.run(connection, sql))
    }

    async fn run(&self, connection: &mut Connection, sql: &str) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        match connection {
            Connection::Sqlite(connection) => {
                for piece in sqlite::pieces(&self.rows) {
                    let sql = sql.replace("{rows}", &sqlite::source(&self.columns, piece.len()));
                    let query = sqlx::query_with(&sql, sqlite::arguments(piece)?);
                    query.execute(&mut **connection).await?;
                }
            }
            Connection::Postgres(connection) => {
                let sql = sql.replace("{rows}", &self.source());
                let query = (0..N).fold(sqlx::query(&sql), |query, column| match &self.rows[0][column] {
                    Cell::Int(_) => query.bind(self.ints(column)),
                    Cell::Text(_) | Cell::NoText => query.bind(self.texts(column)),
                    Cell::Uuid(_) => query.bind(self.uuids(column)),
                    Cell::Bytes(_) => query.bind(self.bytes(column)),
                });
                query.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// What `sql` finds for these rows; the same `{rows}` as in [`Rows::execute`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn fetch<'c, T>(
        &'c self,
        connection: &'c mut Connection,
        sql: &'c str,
    ) -> BoxFuture<'c, Result<Vec<T>, StoreError>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'c,
    {
        Box::pin(self.find(connection, sql))
    }

    async fn find<T>(&self, connection: &mut Connection, sql: &str) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match connection {
            Connection::Sqlite(connection) => {
                let mut found = Vec::new();
                for piece in sqlite::pieces(&self.rows) {
                    let sql = sql.replace("{rows}", &sqlite::source(&self.columns, piece.len()));
                    let query = sqlx::query_as_with(&sql, sqlite::arguments(piece)?);
                    found.append(&mut query.fetch_all(&mut **connection).await?);
                }
                found
            }
            Connection::Postgres(connection) => {
                let sql = sql.replace("{rows}", &self.source());
                let query = (0..N).fold(sqlx::query_as(&sql), |query, column| match &self.rows[0][column] {
                    Cell::Int(_) => query.bind(self.ints(column)),
                    Cell::Text(_) | Cell::NoText => query.bind(self.texts(column)),
                    Cell::Uuid(_) => query.bind(self.uuids(column)),
                    Cell::Bytes(_) => query.bind(self.bytes(column)),
                });
                query.fetch_all(&mut **connection).await?
            }
        })
    }

    fn source(&self) -> String {
        let first = &self.rows[0];
        let arrays: Vec<String> = (0..N)
            .map(|index| {
                let kind = match first[index] {
                    Cell::Int(_) => "bigint",
                    Cell::Text(_) | Cell::NoText => "text",
                    Cell::Uuid(_) => "uuid",
                    Cell::Bytes(_) => "bytea",
                };
                format!("${}::{kind}[]", index + 1)
            })
            .collect();
        format!("unnest({}) AS r({})", arrays.join(", "), self.columns.join(", "))
    }

    fn ints(&self, column: usize) -> Vec<Option<i64>> {
        self.rows
            .iter()
            .map(|row| if let Cell::Int(number) = row[column] { Some(number) } else { None })
            .collect()
    }

    fn texts(&self, column: usize) -> Vec<Option<&str>> {
        self.rows
            .iter()
            .map(|row| if let Cell::Text(text) = &row[column] { Some(&**text) } else { None })
            .collect()
    }

    fn uuids(&self, column: usize) -> Vec<Option<uuid::Uuid>> {
        self.rows.iter().map(|row| if let Cell::Uuid(id) = row[column] { Some(id) } else { None }).collect()
    }

    fn bytes(&self, column: usize) -> Vec<Option<&[u8]>> {
        self.rows
            .iter()
            .map(|row| if let Cell::Bytes(bytes) = &row[column] { Some(&**bytes) } else { None })
            .collect()
    }
}
