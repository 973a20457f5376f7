//! Which tables of a read model are in use.

use std::fmt::{self, Display, Formatter};

use eventlog::{Connection, Dialect, StoreError, on};

use super::Projection;

/// Tables that a read model was built into, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(i64);

impl Generation {
    /// The one that a database is made with.
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn previous(self) -> Option<Self> {
        (self > Self::FIRST).then(|| Self(self.0.saturating_sub(1)))
    }

    pub(crate) const fn number(self) -> i64 {
        self.0
    }

    /// What its table of this name is called.
    pub(crate) fn table(self, name: &str) -> String {
        if self == Self::FIRST { name.to_owned() } else { format!("{name}_{self}") }
    }

    /// The one that is in use.
    pub(crate) async fn active<P: Projection>(connection: &mut Connection) -> Result<Self, StoreError> {
        Self::read::<P>(connection, "").await
    }

    /// The same, which then stays so until the end of the transaction.
    pub(crate) async fn held<P: Projection>(connection: &mut Connection) -> Result<Self, StoreError> {
        // There is one writer of a file.
        let lock = match connection.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE",
        };
        Self::read::<P>(connection, lock).await
    }

    async fn read<P: Projection>(connection: &mut Connection, lock: &str) -> Result<Self, StoreError> {
        let sql = format!("SELECT generation FROM projections WHERE name = $1{lock}");
        let found: Option<i64> =
            on!(connection, c => sqlx::query_scalar(&sql).bind(P::NAME).fetch_optional(c).await?);
        Ok(found.map_or(Self::FIRST, Self))
    }

    /// Readers and the runner use this one from now on.
    pub(super) async fn activate<P: Projection>(self, connection: &mut Connection) -> Result<(), StoreError> {
        on!(connection, c => {
            sqlx::query("UPDATE projections SET generation = $1 WHERE name = $2")
                .bind(self.0)
                .bind(P::NAME)
                .execute(c)
                .await?;
        });
        Ok(())
    }
}

impl Display for Generation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
