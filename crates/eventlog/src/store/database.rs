//! Which database the logs are in, and how it is connected to.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Pool, StoreError};
use crate::PAGE_MAX;

const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection to a server is waited for.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Where both logs are.
#[derive(Clone, Debug)]
pub enum Database {
    /// In a file: one process writes it.
    Sqlite(PathBuf),
    /// On a server: several control nodes may write.
    Postgres(Box<PgConnectOptions>),
}

/// An address that names no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It is of another kind.
    #[error("a database is named as `postgres://user@host:5432/name` or `sqlite:path/to/file.db`")]
    Scheme,
    /// It cannot be read.
    #[error("the database's address cannot be read: {0}")]
    Malformed(#[source] sqlx::Error),
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Database {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

/// Where it is, without what opens it.
impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(options) => {
                let name = options.get_database().unwrap_or_default();
                write!(f, "postgres://{}:{}/{name}", options.get_host(), options.get_port())
            }
        }
    }
}

impl FromStr for Database {
    type Err = DatabaseUrlError;

    fn from_str(url: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()));
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Scheme);
        }
        let options = url.parse::<PgConnectOptions>().map_err(DatabaseUrlError::Malformed)?;
        Ok(Self::Postgres(Box::new(options.application_name("veloera"))))
    }
}

impl Database {
    /// What the one connection that writes is made from.
    pub(crate) async fn writer(&self) -> Result<Pool, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => {
                let options = sqlite(path).create_if_missing(true);
                Pool::Sqlite(file_pool().max_connections(1).connect_with(options).await?)
            }
            Self::Postgres(options) => {
                // A writer that stalls must not hold the heads against every other one.
                let options = options.as_ref().clone().options([
                    ("idle_in_transaction_session_timeout", "5s"),
                    ("statement_timeout", "30s"),
                    ("lock_timeout", "5s"),
                ]);
                // A second one takes the place of one that is lost.
                let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(CONNECT_MAX);
                Pool::Postgres(pool.connect_with(options).await?)
            }
        })
    }

    /// Connections that only read.
    pub(crate) async fn readers(&self) -> Result<Pool, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => {
                let pool = file_pool().max_connections(READERS_MAX);
                Pool::Sqlite(pool.connect_with(sqlite(path).read_only(true)).await?)
            }
            Self::Postgres(options) => {
                let options = options.as_ref().clone().options([("default_transaction_read_only", "on")]);
                let pool = PgPoolOptions::new().max_connections(READERS_MAX).acquire_timeout(CONNECT_MAX);
                Pool::Postgres(pool.connect_with(options).await?)
            }
        })
    }
}

/// How long the write-ahead log grows before its pages are written home, in pages: 32 MiB.
const WAL_PAGES: &str = "8192";

/// A file is not asked whether it is still there each time that it is read.
fn file_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().test_before_acquire(false)
}

fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was committed survives a power loss.
        .synchronous(SqliteSynchronous::Full)
        // A page that many transactions change is written home once for all of them, not once for every few.
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        // A page of events goes from the database's thread to whoever reads it at once.
        .row_buffer_size(PAGE_MAX)
        .thread_name(|id| format!("eventlog-sqlite-{id}"))
}
