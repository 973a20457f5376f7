//! The database file: opened, brought up to date, handed to the one writer and to readers.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use domain::{Log, TimeStamp};
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::{Appender, Heads, Inline, LogReader, QUEUE_MAX, appender::Job, tx::Tx};

const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> TimeStamp;
}

/// One part's tables. Its migrations run in order and once; what has run is never edited.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Names the part.
    pub name: &'static str,
    /// SQL, one text per version.
    pub migrations: &'static [&'static str],
}

const LOGS: Component = Component { name: "eventlog", migrations: &[include_str!("store/v1.sql")] };

/// The store failed. The business never says no with one of these.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A stream is not where the writer thought it was.
    #[error("stream {stream} is at version {found}, not {expected}")]
    Conflict {
        /// Which stream.
        stream: String,
        /// Where it should be.
        expected: u64,
        /// Where it is.
        found: u64,
    },
    /// A log lacks a position.
    #[error(
        "the {log} log has no position {expected}; the next one there is {found}. Run `veloera audit verify`"
    )]
    Hole {
        /// Which log.
        log: Log,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A payload cannot be read.
    #[error("the {log} log's event {position} cannot be read: {source}")]
    Decode {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A payload was written by a newer version.
    #[error("the {log} log's event {position} was written by a newer version of veloera; use that one")]
    NewerEvent {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
    },
    /// A payload cannot be written.
    #[error("an event cannot be written as JSON: {0}")]
    Encode(serde_json::Error),
    /// The tables were made by a newer version.
    #[error(
        "the database's `{component}` tables are of version {found}, this program knows {known}: use the newer \
         veloera, or restore the database from before the upgrade"
    )]
    NewerDatabase {
        /// Which part's.
        component: String,
        /// What they are.
        found: i64,
        /// What is known here.
        known: usize,
    },
    /// A read model cannot take an event in.
    #[error("the read model `{model}` failed at the {log} log's event {position}: {reason}")]
    Inline {
        /// Which one.
        model: &'static str,
        /// At which log.
        log: Log,
        /// At which event.
        position: u64,
        /// Why.
        reason: String,
    },
    /// Stored text is not what this program writes.
    #[error("the database holds something that is no {0}")]
    Malformed(&'static str),
    /// Something could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] crate::SealError),
    /// The appender has ended.
    #[error("the log is closed")]
    Closed,
}

/// What a log is opened with.
pub struct LogOptions {
    /// Tells the time that events are recorded at.
    pub clock: Arc<dyn Clock>,
    /// The read models that follow in the append transaction.
    pub inline: Vec<Arc<dyn Inline>>,
    /// Tables of parts that are no inline read models.
    pub components: Vec<Component>,
    /// Seals and opens secrets.
    pub sealer: crate::Sealer,
}

/// Both logs of one installation. A cheap handle.
#[derive(Clone)]
pub struct EventLog {
    pub(crate) jobs: mpsc::Sender<Box<dyn Job>>,
    pub(crate) heads: watch::Receiver<Heads>,
    pub(crate) reader: LogReader,
    pub(crate) sealer: crate::Sealer,
}

impl EventLog {
    /// Opens the database at `path`, making or updating its tables, and hands out the log with the task that
    /// appends to it: the log works while that task runs, and the task ends when every handle is gone.
    ///
    /// # Errors
    /// When the database cannot be used, or was made by a newer version.
    pub async fn open(path: &Path, options: LogOptions) -> Result<(Self, Appender), StoreError> {
        let mut writer =
            SqliteConnection::connect_with(&connect_options(path)?.create_if_missing(true)).await?;
        let inline: Arc<[Arc<dyn Inline>]> = options.inline.into();
        migrate(&mut writer, LOGS).await?;
        for model in inline.iter() {
            migrate(&mut writer, model.component()).await?;
        }
        for component in options.components {
            migrate(&mut writer, component).await?;
        }
        let reader = LogReader::new(read_pool(path).await?).await?;
        let tx = Tx::new(writer, inline, options.clock, options.sealer.clone()).await?;
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let (heads_tx, heads) = watch::channel(tx.heads());
        let log = Self { jobs, heads, reader, sealer: options.sealer };
        Ok((log, Appender { tx, queue, heads_tx }))
    }

    /// How far the logs have come; wakes whoever waits for more.
    pub fn subscribe(&self) -> watch::Receiver<Heads> {
        self.heads.clone()
    }

    /// Reads them.
    pub const fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// A pool that only reads.
    pub const fn read_pool(&self) -> &SqlitePool {
        self.reader.pool()
    }

    /// Seals and opens secrets.
    pub const fn sealer(&self) -> &crate::Sealer {
        &self.sealer
    }
}

fn connect_options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let url = format!("sqlite://{}", path.display());
    Ok(SqliteConnectOptions::from_str(&url)?
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was committed survives a power loss.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .thread_name(|id| format!("ledger-sqlite-{id}")))
}

async fn read_pool(path: &Path) -> Result<SqlitePool, StoreError> {
    let options = connect_options(path)?.read_only(true);
    Ok(SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await?)
}

/// Opens an existing database to be read only, beside a process that writes it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn connect_read_only(path: &Path) -> Result<LogReader, StoreError> {
    LogReader::new(read_pool(path).await?).await
}

async fn migrate(writer: &mut SqliteConnection, component: Component) -> Result<(), StoreError> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions(component TEXT PRIMARY KEY, \
                         version INTEGER NOT NULL) STRICT, WITHOUT ROWID";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
    let found: i64 = sqlx::query_scalar("SELECT version FROM schema_versions WHERE component = ?")
        .bind(component.name)
        .fetch_optional(&mut *tx)
        .await?
        .unwrap_or(0);
    let known = component.migrations.len();
    let done = usize::try_from(found).unwrap_or(0);
    if done > known {
        return Err(StoreError::NewerDatabase { component: component.name.into(), found, known });
    }
    for sql in component.migrations.iter().skip(done) {
        sqlx::raw_sql(sql).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
    )
    .bind(component.name)
    .bind(i64::try_from(known).unwrap_or(i64::MAX))
    .execute(&mut *tx)
    .await?;
    // A log's id is made with it, so that a restored or foreign log is told apart.
    if component.name == LOGS.name {
        for log in Log::ALL {
            let id = Uuid::from_bytes(crate::seal::random()?);
            sqlx::query(
                "INSERT OR IGNORE INTO heads(log, log_id, position, recorded_at) VALUES (?, ?, 0, 0)",
            )
            .bind(log.as_str())
            .bind(id.as_bytes().as_slice())
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
