//! Rows into a file.

use std::path::Path;

use sqlx::{
    Connection, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::super::{
    rows::{Column, Rows},
    tables::Table,
};

/// The most values that one statement may bind.
const VALUES_MAX: usize = 32_766;

pub(super) struct Sqlite {
    source: SqliteConnection,
    target: SqliteConnection,
}

impl Sqlite {
    pub(super) async fn open(source: &Path, target: &Path) -> Self {
        Self { source: connect(source).await, target: connect(target).await }
    }

    /// The table's mark, in both.
    pub(super) async fn marks(&mut self, table: Table) -> [i64; 2] {
        let mut marks = [0; 2];
        for (mark, connection) in marks.iter_mut().zip([&mut self.source, &mut self.target]) {
            *mark = sqlx::query_scalar(table.mark).fetch_one(connection).await.expect("the table's mark");
        }
        marks
    }

    pub(super) async fn written(&mut self, table: Table, mark: i64) -> Rows {
        let sql = format!("SELECT * FROM {} WHERE {}", table.name, table.written);
        let rows = sqlx::query(&sql).bind(mark).fetch_all(&mut self.source).await;
        Rows::new(table, &rows.expect("what the bank wrote"))
    }

    pub(super) async fn insert(&mut self, written: &[Rows]) -> sqlx::Result<()> {
        let mut tx = self.target.begin_with("BEGIN IMMEDIATE").await?;
        for rows in written {
            let row = format!("({})", vec!["?"; rows.columns.len()].join(", "));
            for start in (0..rows.count).step_by(VALUES_MAX / rows.columns.len()) {
                let end = rows.count.min(start + VALUES_MAX / rows.columns.len());
                let values = vec![row.as_str(); end - start].join(", ");
                let sql = format!("{}VALUES {values}{}", rows.head(), rows.tail());
                let query = (start..end).fold(sqlx::query(&sql), |query, row| bound(query, rows, row));
                query.execute(&mut *tx).await?;
            }
        }
        tx.commit().await
    }
}

type Bound<'q> = Query<'q, sqlx::Sqlite, SqliteArguments<'q>>;

fn bound<'q>(query: Bound<'q>, rows: &'q Rows, row: usize) -> Bound<'q> {
    rows.columns.iter().fold(query, |query, column| match column {
        Column::Ints(cells) => query.bind(cells[row]),
        Column::Texts(cells) => query.bind(cells[row].as_deref()),
        Column::Bytes(cells) => query.bind(cells[row].as_deref()),
        Column::Uuids(cells) => query.bind(cells[row]),
    })
}

/// With the durability that the log's own connection has.
async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true);
    SqliteConnection::connect_with(&options).await.expect("the database opens")
}
