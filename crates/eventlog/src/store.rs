//! The database: opened, brought up to date, handed to the one writer and to readers.

mod connection;
mod database;
mod error;
mod migrate;
pub(crate) mod partitions;
mod rows;

use std::sync::Arc;

use domain::TimeStamp;
use tokio::sync::{mpsc, watch};

use self::migrate::migrate;
pub use self::{
    connection::{Connection, Dialect, Pool},
    database::{Database, DatabaseUrlError},
    error::StoreError,
    rows::{Cell, Rows},
};
use crate::{Appender, Heads, Inline, LogReader, QUEUE_MAX, appender::Job, tx::Tx};

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
    /// One per version.
    pub migrations: &'static [Migration],
}

/// One step of a part's tables, as each dialect says it.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// For files.
    pub sqlite: &'static str,
    /// For servers.
    pub postgres: &'static str,
}

impl Migration {
    const fn of(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

const LOGS: Component = Component {
    name: "eventlog",
    migrations: &[Migration {
        sqlite: include_str!("store/v1.sql"),
        postgres: include_str!("store/v1.postgres.sql"),
    }],
};

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
    /// Opens the database, making or updating its tables, and hands out the log with the task that appends to it: the
    /// log works while that task runs, and the task ends when every handle is gone.
    ///
    /// # Errors
    /// When the database cannot be used, or was made by a newer version.
    pub async fn open(
        database: impl Into<Database>,
        options: LogOptions,
    ) -> Result<(Self, Appender), StoreError> {
        Self::open_in_parts(database.into(), options, partitions::PARTITION_EVENTS).await
    }

    pub(crate) async fn open_in_parts(
        database: Database,
        options: LogOptions,
        partition_events: u64,
    ) -> Result<(Self, Appender), StoreError> {
        let writers = database.writer().await?;
        let mut writer = writers.acquire().await?;
        let inline: Arc<[Arc<dyn Inline>]> = options.inline.into();
        migrate(&mut writer, LOGS).await?;
        for component in inline.iter().map(|model| model.component()).chain(options.components) {
            migrate(&mut writer, component).await?;
        }
        let reader = LogReader::new(database.readers().await?).await?;
        let sealer = options.sealer.clone();
        let tx = Tx::new(writers, writer, inline, options.clock, sealer, partition_events).await?;
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
    pub const fn read_pool(&self) -> &Pool {
        self.reader.pool()
    }

    /// Seals and opens secrets.
    pub const fn sealer(&self) -> &crate::Sealer {
        &self.sealer
    }
}

/// Opens an existing database to be read only, beside a process that writes it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn connect_read_only(database: impl Into<Database>) -> Result<LogReader, StoreError> {
    LogReader::new(database.into().readers().await?).await
}
