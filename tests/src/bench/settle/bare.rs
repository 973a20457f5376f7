//! One connection that inserts rows and does nothing else.

mod postgres;
mod sqlite;

use self::{postgres::Postgres, sqlite::Sqlite};
use super::{
    super::store::Place,
    rows::Rows,
    tables::{TABLES, Table},
};

/// A connection to the database that the bank writes, which reads what it wrote, and one to the bare database.
pub(super) struct Bare {
    kind: Kind,
    marks: [i64; TABLES.len()],
}

enum Kind {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Bare {
    /// From here on what the bank writes to `one` can be written to `other`, which must be as `one` is now.
    pub(super) async fn open(one: &Place, other: &Place) -> Self {
        let mut kind = match (one, other) {
            (Place::Sqlite { path: one, .. }, Place::Sqlite { path: other, .. }) => {
                Kind::Sqlite(Sqlite::open(one, other).await)
            }
            (Place::Postgres { url: one, .. }, Place::Postgres { url: other, .. }) => {
                Kind::Postgres(Postgres::open(one, other).await)
            }
            _ => panic!("two kinds of databases cannot be compared"),
        };
        let mut marks = [0; TABLES.len()];
        for (mark, table) in marks.iter_mut().zip(TABLES) {
            *mark = kind.mark(table).await;
        }
        Self { kind, marks }
    }

    /// What the bank has written since this was asked last.
    pub(super) async fn written(&mut self) -> Vec<Rows> {
        let mut written = Vec::new();
        for (mark, table) in self.marks.iter_mut().zip(TABLES) {
            let rows = match &mut self.kind {
                Kind::Sqlite(sqlite) => sqlite.written(table, *mark).await,
                Kind::Postgres(postgres) => postgres.written(table, *mark).await,
            };
            assert!(rows.count > 0, "the bank wrote nothing to {}", table.name);
            written.push(rows);
            *mark = self.kind.mark(table).await;
        }
        written
    }

    /// Writes rows in one transaction.
    pub(super) async fn insert(&mut self, written: &[Rows]) {
        match &mut self.kind {
            Kind::Sqlite(sqlite) => sqlite.insert(written).await,
            Kind::Postgres(postgres) => postgres.insert(written).await,
        }
        .expect("the rows are inserted");
    }

    /// Asserts that both databases say the same, and lets go of them.
    pub(super) async fn close(mut self) {
        for table in TABLES {
            let [one, other] = match &mut self.kind {
                Kind::Sqlite(sqlite) => sqlite.marks(table).await,
                Kind::Postgres(postgres) => postgres.marks(table).await,
            };
            assert_eq!(one, other, "{} is not the same in both", table.name);
        }
    }
}

impl Kind {
    async fn mark(&mut self, table: Table) -> i64 {
        match self {
            Self::Sqlite(sqlite) => sqlite.marks(table).await[0],
            Self::Postgres(postgres) => postgres.marks(table).await[0],
        }
    }
}
