//! A log in a directory of its own, with a clock that is set by hand.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use domain::{CommandId, Log, TimeStamp};
use futures_util::future::{BoxFuture, join, join_all};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Appender, Clock, Command, EventLog, ExecuteError, Executed, Fault, Heads, Inline, LogOptions, MasterKey,
    Metadata, NewEvent, Recorded, Sealer, StoreError, StreamAppend, Tx, snapshots::SNAPSHOT_EVERY,
};

/// The business says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no")]
pub(super) struct No;

pub(super) type Outcome<T> = Result<Executed<T>, ExecuteError<No>>;

/// 2026-11-24T08:00:00Z.
pub(super) const MORNING_US: i64 = 1_795_507_200_000_000;

pub(super) struct Hand(AtomicI64);

impl Hand {
    pub(super) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> TimeStamp {
        TimeStamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(super) struct Bench {
    pub(super) clock: Arc<Hand>,
    pub(super) log: EventLog,
    inline: Vec<Arc<dyn Inline>>,
    snapshot_every: u64,
    waiting: Option<Appender>,
    tasks: JoinSet<()>,
    dir: tempfile::TempDir,
}

impl Bench {
    /// A log whose appender works.
    pub(super) async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    /// A log with inline read models whose appender works.
    pub(super) async fn with(inline: Vec<Arc<dyn Inline>>) -> Self {
        let mut bench = Self::waiting(inline).await;
        bench.start();
        bench
    }

    /// A log whose appender has not begun: what is sent waits, to become one batch.
    pub(super) async fn waiting(inline: Vec<Arc<dyn Inline>>) -> Self {
        Self::build(inline, SNAPSHOT_EVERY).await
    }

    /// A log that keeps a snapshot of each stream after so many events, whose appender works.
    pub(super) async fn snapping(every: u64) -> Self {
        let mut bench = Self::build(Vec::new(), every).await;
        bench.start();
        bench
    }

    async fn build(inline: Vec<Arc<dyn Inline>>, snapshot_every: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(MORNING_US)));
        let (log, appender) = open(&dir, &clock, &inline, snapshot_every).await.unwrap();
        Self { clock, log, inline, snapshot_every, waiting: Some(appender), tasks: JoinSet::new(), dir }
    }

    pub(super) fn start(&mut self) {
        self.tasks.spawn(self.waiting.take().unwrap().run());
    }

    /// All of `work` in one transaction.
    pub(super) async fn in_one_batch<T>(&mut self, work: Vec<BoxFuture<'static, T>>) -> Vec<T> {
        // The left side is asked first, and all of it waits in the queue before the right side is.
        join(join_all(work), async { self.start() }).await.0
    }

    /// Ends the process that writes and tries to start it again.
    pub(super) async fn reopened(self) -> Result<Self, StoreError> {
        let Self { clock, log, inline, snapshot_every, dir, mut tasks, .. } = self;
        drop(log);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let (log, appender) = open(&dir, &clock, &inline, snapshot_every).await?;
        let mut bench = Self { clock, log, inline, snapshot_every, waiting: Some(appender), tasks, dir };
        bench.start();
        Ok(bench)
    }

    /// Another process that writes the same file.
    pub(super) async fn second_writer(&mut self) -> EventLog {
        let (log, appender) = open(&self.dir, &self.clock, &self.inline, self.snapshot_every).await.unwrap();
        self.tasks.spawn(appender.run());
        log
    }

    pub(super) fn path(&self) -> PathBuf {
        path(&self.dir)
    }

    /// The file, past everything that this crate does.
    pub(super) async fn raw(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// The whole log, read.
    pub(super) async fn all(&self, log: Log) -> Vec<Recorded> {
        self.log.reader().read(log, 0, usize::MAX).await.unwrap()
    }
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    // A name that would mean something in a URL.
    dir.path().join("log?mode=memory#1.db")
}

async fn open(
    dir: &tempfile::TempDir,
    clock: &Arc<Hand>,
    inline: &[Arc<dyn Inline>],
    snapshot_every: u64,
) -> Result<(EventLog, Appender), StoreError> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let sealer = Sealer::new(&MasterKey::from_hex(&"07".repeat(32))?);
    let options = LogOptions { clock, inline: inline.to_vec(), components: Vec::new(), sealer };
    EventLog::open_with(&path(dir), options, snapshot_every).await
}

pub(super) fn note(text: &str) -> NewEvent {
    NewEvent { event_type: "note_taken", schema_version: 1, payload: text.to_owned() }
}

/// One note for the end of a stream.
pub(super) fn noted(log: Log, stream: &str) -> StreamAppend {
    StreamAppend { log, stream: stream.to_owned(), expected: None, events: vec![note("{}")] }
}

pub(super) fn command(number: u128) -> Command {
    let command_id = CommandId(Uuid::from_u128(number));
    Command { command_id, fingerprint: [1; 32], metadata: Metadata::default() }
}

/// Sends a command; owns what it needs, so that many can be sent at once.
pub(super) fn send<T, F>(log: &EventLog, command: Command, decide: F) -> BoxFuture<'static, Outcome<T>>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<No>>> + Send + 'static,
{
    let log = log.clone();
    Box::pin(async move { log.execute(command, decide).await })
}

/// Sends a command that appends.
pub(super) fn send_append(
    log: &EventLog,
    number: u128,
    appends: Vec<StreamAppend>,
) -> BoxFuture<'static, Outcome<()>> {
    send(log, command(number), move |tx| Box::pin(async move { Ok(tx.append(appends).await?) }))
}

/// Decides without a command.
pub(super) async fn transact<T, F>(
    log: &EventLog,
    metadata: Metadata,
    decide: F,
) -> Result<(T, Heads), ExecuteError<No>>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<No>>> + Send + 'static,
{
    log.transact(metadata, decide).await
}

/// Appends without a command.
pub(super) async fn append(log: &EventLog, appends: Vec<StreamAppend>) -> Result<Heads, ExecuteError<No>> {
    let appended =
        transact(log, Metadata::default(), |tx| Box::pin(async move { Ok(tx.append(appends).await?) }));
    Ok(appended.await?.1)
}

pub(super) const fn heads(control: u64, ledger: u64) -> Heads {
    Heads { control, ledger }
}
