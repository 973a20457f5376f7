//! The database: opened, brought up to date, handed to the one writer and to readers.

mod connection;
mod database;
mod error;
mod migrate;
pub(crate) mod partitions;
mod rows;

use std::sync::Arc;

use domain::{Aggregate, TimeStamp};
use tokio::sync::{mpsc, watch};

use self::migrate::migrate;
pub use self::{
    connection::{Connection, Dialect, Pool},
    database::{Database, DatabaseUrlError},
    error::StoreError,
    rows::{Cell, Rows},
};
use crate::{
    Appender, Heads, Inline, LogReader, QUEUE_MAX,
    appender::Job,
    recent::Recent,
    snapshots::{Maker, SNAPSHOT_EVERY, Snapshots},
    stream_name,
    tx::Tx,
};

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
    migrations: &[
        Migration { sqlite: include_str!("store/v1.sql"), postgres: include_str!("store/v1.postgres.sql") },
        Migration { sqlite: include_str!("store/v2.sql"), postgres: include_str!("store/v2.postgres.sql") },
    ],
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

/// After how many events something is begun anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A part of a log, in Postgres.
    pub(crate) partition_events: u64,
    /// The snapshot of a stream.
    pub(crate) snapshot_every: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { partition_events: partitions::PARTITION_EVENTS, snapshot_every: SNAPSHOT_EVERY }
    }
}

/// Both logs of one installation. A cheap handle.
#[derive(Clone)]
pub struct EventLog {
    pub(crate) jobs: mpsc::Sender<Box<dyn Job>>,
    pub(crate) heads: watch::Receiver<Heads>,
    pub(crate) reader: LogReader,
    pub(crate) sealer: crate::Sealer,
    snapshots: Snapshots,
    snapshots_written: watch::Receiver<u64>,
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
        // Boxed: what opening takes is held by nobody's future for longer.
        Box::pin(Self::open_sized(database.into(), options, Sizes::default())).await
    }

    pub(crate) async fn open_sized(
        database: Database,
        options: LogOptions,
        sizes: Sizes,
    ) -> Result<(Self, Appender), StoreError> {
        let writers = database.writer().await?;
        let mut writer = writers.acquire().await?;
        let inline: Arc<[Arc<dyn Inline>]> = options.inline.into();
        migrate(&mut writer, LOGS).await?;
        for component in inline.iter().map(|model| model.component()).chain(options.components) {
            migrate(&mut writer, component).await?;
        }
        let recent = Arc::new(Recent::default());
        let reader = LogReader::new(database.readers().await?, Some(Arc::clone(&recent))).await?;
        let (snapshots, asked) = Snapshots::new(sizes.snapshot_every);
        let tx = Tx::new(
            writers,
            writer,
            inline,
            options.clock,
            options.sealer.clone(),
            snapshots.clone(),
            sizes.partition_events,
        )
        .await?;
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let (heads_tx, heads) = watch::channel(tx.heads());
        let (written, snapshots_written) = watch::channel(0);
        let maker = Maker {
            asked,
            snapshots: snapshots.clone(),
            reader: reader.clone(),
            jobs: jobs.downgrade(),
            written,
        };
        let log = Self { jobs, heads, reader, sealer: options.sealer, snapshots, snapshots_written };
        Ok((log, Appender { tx, queue, heads_tx, recent, maker }))
    }

    /// How far the logs have come; wakes whoever waits for more.
    pub fn subscribe(&self) -> watch::Receiver<Heads> {
        self.heads.clone()
    }

    /// How many commands wait for the appender, of [`QUEUE_MAX`].
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// The last position of a log.
    pub fn head(&self, log: domain::Log) -> u64 {
        self.heads.borrow().of(log)
    }

    /// An aggregate as its committed events make it, from its snapshot on where it has one, with the version of its
    /// stream.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load<A: Aggregate>(&self, id: &str) -> Result<(A, u64), StoreError> {
        let mut connection = self.read_pool().acquire().await?;
        self.snapshots.load(&mut connection, &stream_name(A::KIND, id)).await
    }

    /// How many snapshots were written since the log was opened; wakes whoever waits for more.
    pub fn snapshots_written(&self) -> watch::Receiver<u64> {
        self.snapshots_written.clone()
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
/// When there is none, it cannot be read, or the tables of these components are not of the version that this program
/// knows.
pub async fn connect_read_only(
    database: impl Into<Database>,
    components: &[Component],
) -> Result<LogReader, StoreError> {
    let readers = database.into().readers().await?;
    let mut connection = readers.acquire().await?;
    for component in [LOGS].iter().chain(components) {
        migrate::check(&mut connection, *component).await?;
    }
    drop(connection);
    LogReader::new(readers, None).await
}

/// The same, with what may write tables that are no logs, beside a process that appends.
///
/// # Errors
/// As for [`connect_read_only`].
pub async fn connect_beside(
    database: impl Into<Database>,
    components: &[Component],
) -> Result<(LogReader, Pool), StoreError> {
    let database = database.into();
    let reader = connect_read_only(database.clone(), components).await?;
    Ok((reader, database.writer().await?))
}
