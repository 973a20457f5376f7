//! The database file: opened, brought up to date, handed to the one writer and to readers.

mod error;
mod migrate;

use std::{path::Path, sync::Arc, time::Duration};

use domain::{Aggregate, TimeStamp};
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, watch};

pub use self::error::StoreError;
use self::migrate::migrate;
use crate::{
    Appender, Heads, Inline, LogReader, QUEUE_MAX,
    appender::Job,
    snapshots::{Maker, SNAPSHOT_EVERY, Snapshots},
    stream_name,
    tx::Tx,
};

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

const LOGS: Component =
    Component { name: "eventlog", migrations: &[include_str!("store/v1.sql"), include_str!("store/v2.sql")] };

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
    snapshots: Snapshots,
    snapshots_written: watch::Receiver<u64>,
}

impl EventLog {
    /// Opens the database at `path`, making or updating its tables, and hands out the log with the task that
    /// appends to it: the log works while that task runs, and the task ends when every handle is gone.
    ///
    /// # Errors
    /// When the database cannot be used, or was made by a newer version.
    pub async fn open(path: &Path, options: LogOptions) -> Result<(Self, Appender), StoreError> {
        Self::open_with(path, options, SNAPSHOT_EVERY).await
    }

    /// The same, with a snapshot of each stream after so many events.
    pub(crate) async fn open_with(
        path: &Path,
        options: LogOptions,
        snapshot_every: u64,
    ) -> Result<(Self, Appender), StoreError> {
        let mut writer =
            SqliteConnection::connect_with(&connect_options(path).create_if_missing(true)).await?;
        let inline: Arc<[Arc<dyn Inline>]> = options.inline.into();
        migrate(&mut writer, LOGS).await?;
        for model in inline.iter() {
            migrate(&mut writer, model.component()).await?;
        }
        for component in options.components {
            migrate(&mut writer, component).await?;
        }
        let reader = LogReader::new(read_pool(path).await?).await?;
        let (snapshots, asked) = Snapshots::new(snapshot_every);
        let tx = Tx::new(writer, inline, options.clock, options.sealer.clone(), snapshots.clone()).await?;
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
        Ok((log, Appender { tx, queue, heads_tx, maker }))
    }

    /// How far the logs have come; wakes whoever waits for more.
    pub fn subscribe(&self) -> watch::Receiver<Heads> {
        self.heads.clone()
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
    pub const fn read_pool(&self) -> &SqlitePool {
        self.reader.pool()
    }

    /// Seals and opens secrets.
    pub const fn sealer(&self) -> &crate::Sealer {
        &self.sealer
    }
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was committed survives a power loss.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .thread_name(|id| format!("eventlog-sqlite-{id}"))
}

async fn read_pool(path: &Path) -> Result<SqlitePool, StoreError> {
    let options = connect_options(path).read_only(true);
    Ok(SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await?)
}

/// Opens an existing database to be read only, beside a process that writes it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn connect_read_only(path: &Path) -> Result<LogReader, StoreError> {
    LogReader::new(read_pool(path).await?).await
}
