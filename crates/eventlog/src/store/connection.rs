//! A database of either kind: one program, two dialects.
//!
//! SQL is written once wherever both understand it (`$1`, `ON CONFLICT (key) DO …`), and handed to the driver of
//! whichever kind it is by [`on!`](crate::on).

use futures_util::future::BoxFuture;
use sqlx::{Executor, PgPool, Postgres, Sqlite, SqlitePool, pool::PoolConnection};

use crate::{StoreError, on};

/// Connections to one database.
#[derive(Clone, Debug)]
pub enum Pool {
    /// A file.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// One connection of a [`Pool`].
#[derive(Debug)]
pub enum Connection {
    /// To a file.
    Sqlite(PoolConnection<Sqlite>),
    /// To a server.
    Postgres(PoolConnection<Postgres>),
}

/// Which dialect a database understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of files.
    Sqlite,
    /// That of servers.
    Postgres,
}

impl Pool {
    /// A connection, once one is free.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn acquire(&self) -> Result<Connection, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Connection::Sqlite(pool.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        })
    }
}

impl Connection {
    /// What it understands.
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// One statement without parameters, as it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub fn execute<'c>(&'c mut self, sql: &'c str) -> BoxFuture<'c, Result<(), StoreError>> {
        Box::pin(async move {
            on!(self, connection => { sqlx::query(sql).execute(connection).await?; });
            Ok(())
        })
    }

    /// Several statements at once, without parameters.
    ///
    /// # Errors
    /// When the database fails.
    pub fn script<'c>(&'c mut self, sql: &'c str) -> BoxFuture<'c, Result<(), StoreError>> {
        Box::pin(async move {
            on!(self, connection => { Executor::execute(connection, sqlx::raw_sql(sql)).await?; });
            Ok(())
        })
    }

    /// Begins what writes; in a file there is no other that does.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.execute(match self.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        })
        .await
    }

    /// All of what `work` writes, or nothing.
    ///
    /// # Errors
    /// What `work` fails with, and when the database does.
    pub async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin().await?;
        let done = work(self).await;
        self.execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        done
    }

    /// It is not handed back when it is dropped: what it has begun ends with it.
    pub(crate) fn close_on_drop(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }
}

/// Runs one expression with the driver's own connection, whichever that is: `on!(connection, c => query.execute(c))`.
#[macro_export]
macro_rules! on {
    ($connection:expr, $driver:ident => $run:expr) => {
        match $connection {
            $crate::Connection::Sqlite(pooled) => {
                let $driver = &mut **pooled;
                $run
            }
            $crate::Connection::Postgres(pooled) => {
                let $driver = &mut **pooled;
                $run
            }
        }
    };
}
