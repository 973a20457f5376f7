//! Rows into a server: an array for each column, which spares it a statement of thousands of parameters.

use sqlx::{Connection, PgConnection};

use super::super::{
    rows::{Column, Rows},
    tables::Table,
};

pub(super) struct Postgres {
    source: PgConnection,
    target: PgConnection,
}

impl Postgres {
    pub(super) async fn open(source: &str, target: &str) -> Self {
        let connect = async |url| PgConnection::connect(url).await.expect("the server lets us in");
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
        let mut tx = self.target.begin().await?;
        for rows in written {
            let arrays: Vec<String> = rows
                .columns
                .iter()
                .enumerate()
                .map(|(index, column)| format!("${}::{}[]", index + 1, kind(column)))
                .collect();
            let sql = format!("{}SELECT * FROM unnest({}){}", rows.head(), arrays.join(", "), rows.tail());
            let query = rows.columns.iter().fold(sqlx::query(&sql), |query, column| match column {
                Column::Ints(cells) => query.bind(cells),
                Column::Texts(cells) => query.bind(cells),
                Column::Bytes(cells) => query.bind(cells),
                Column::Uuids(cells) => query.bind(cells),
            });
            query.execute(&mut *tx).await?;
        }
        tx.commit().await
    }
}

const fn kind(column: &Column) -> &'static str {
    match column {
        Column::Ints(_) => "bigint",
        Column::Texts(_) => "text",
        Column::Bytes(_) => "bytea",
        Column::Uuids(_) => "uuid",
    }
}
