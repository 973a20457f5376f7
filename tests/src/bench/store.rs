//! The databases that logs are kept in, each with the durability that it has in earnest.

use std::path::PathBuf;

use servers::Postgres;
use tempfile::TempDir;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    Sqlite,
    Postgres,
}

/// A database that lives as long as this.
#[derive(Debug)]
pub(super) enum Place {
    Sqlite { path: PathBuf, _folder: TempDir },
    Postgres { url: String, _server: Postgres },
}

impl Store {
    pub(super) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }

    /// An empty one. A Postgres is a server by itself: what one database does must not wait for another's disk.
    pub(super) async fn place(self) -> Place {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder for the database");
                Place::Sqlite { path: folder.path().join("log.db"), _folder: folder }
            }
            Self::Postgres => {
                let server = Postgres::start().await;
                Place::Postgres { url: server.url("postgres"), _server: server }
            }
        }
    }
}

impl Place {
    /// As the log opens it.
    pub(super) fn database(&self) -> eventlog::Database {
        match self {
            Self::Sqlite { path, .. } => path.into(),
            Self::Postgres { url, .. } => url.parse().expect("the server's address"),
        }
    }
}
