//! Rows as they stand in a table, column by column.

use sqlx::{Column as _, ColumnIndex, Decode, Row, Type, TypeInfo};
use uuid::Uuid;

use super::tables::Table;

/// Rows of one table.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) table: Table,
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Column>,
    pub(super) count: usize,
}

/// One column of them.
#[derive(Debug)]
pub(super) enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Uuids(Vec<Option<Uuid>>),
}

impl Rows {
    /// What was read of this table, whichever columns it has.
    pub(super) fn new<R: Row>(table: Table, rows: &[R]) -> Self
    where
        usize: ColumnIndex<R>,
        for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    {
        let found = rows.first().map_or(&[][..], Row::columns);
        let columns = found.iter().enumerate().map(|(index, column)| match column.type_info().name() {
            "INTEGER" | "INT8" => Column::Ints(cells(rows, index)),
            "TEXT" => Column::Texts(cells(rows, index)),
            "BLOB" | "BYTEA" => Column::Bytes(cells(rows, index)),
            "UUID" => Column::Uuids(cells(rows, index)),
            other => panic!("{}: a column of type {other}", table.name),
        });
        let columns = columns.collect();
        let names = found.iter().map(|column| column.name().to_owned()).collect();
        Self { table, names, columns, count: rows.len() }
    }

    /// The insertion up to where its rows come.
    pub(super) fn head(&self) -> String {
        format!("INSERT INTO {}({}) ", self.table.name, self.names.join(", "))
    }

    /// What is to be done with a row that is there.
    pub(super) fn tail(&self) -> String {
        let Some(key) = self.table.key else { return String::new() };
        let others = self.names.iter().filter(|name| *name != key);
        let changes: Vec<String> = others.map(|name| format!("{name} = excluded.{name}")).collect();
        format!(" ON CONFLICT ({key}) DO UPDATE SET {}", changes.join(", "))
    }
}

fn cells<R: Row, T>(rows: &[R], index: usize) -> Vec<Option<T>>
where
    usize: ColumnIndex<R>,
    for<'r> T: Decode<'r, R::Database> + Type<R::Database>,
{
    let cell = |row: &R| row.try_get(index).expect("a cell of its column's type");
    rows.iter().map(cell).collect()
}
