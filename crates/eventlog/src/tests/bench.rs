//! A log in a directory of its own, with a clock that is set by hand.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use domain::{CommandId, Log, TimeStamp};
use futures_util::future::{BoxFuture, join, join_all};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Appender, Clock, Command, Connection, Database, EventLog, ExecuteError, Executed, Fault, Heads, Inline,
    LogOptions, MasterKey, Metadata, NewEvent, Recorded, Sealer, StoreError, StreamAppend, Tx, on,
    store::{Sizes, partitions::PARTITION_EVENTS},
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

/// Which kind of database a log is in: what the log promises, it promises in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    Sqlite,
    Postgres,
}

/// A database of one test's own, gone with it.
enum Place {
    File(tempfile::TempDir),
    Server(servers::Database),
}

impl Place {
    async fn new(store: Store) -> Self {
        match store {
            Store::Sqlite => Self::File(tempfile::tempdir().unwrap()),
            Store::Postgres => Self::Server(servers::postgres().database().await),
        }
    }

    fn database(&self) -> Database {
        match self {
            // A name that would mean something in a URL.
            Self::File(dir) => Database::Sqlite(dir.path().join("log?mode=memory#1.db")),
            Self::Server(database) => database.url.parse().unwrap(),
        }
    }
}

pub(super) struct Bench {
    pub(super) clock: Arc<Hand>,
    pub(super) log: EventLog,
    pub(super) store: Store,
    inline: Vec<Arc<dyn Inline>>,
    sizes: Sizes,
    waiting: Option<Appender>,
    tasks: JoinSet<()>,
    place: Place,
}

impl Bench {
    /// A log whose appender works.
    pub(super) async fn new(store: Store) -> Self {
        Self::with(store, Vec::new()).await
    }

    /// A log with inline read models whose appender works.
    pub(super) async fn with(store: Store, inline: Vec<Arc<dyn Inline>>) -> Self {
        let mut bench = Self::waiting(store, inline).await;
        bench.start();
        bench
    }

    /// A log whose appender has not begun: what is sent waits, to become one batch.
    pub(super) async fn waiting(store: Store, inline: Vec<Arc<dyn Inline>>) -> Self {
        Self::parted(store, inline, PARTITION_EVENTS).await
    }

    /// The same, in parts of so many events.
    pub(super) async fn parted(store: Store, inline: Vec<Arc<dyn Inline>>, partition_events: u64) -> Self {
        let sizes = Sizes { partition_events, ..Sizes::default() };
        Self::at(Place::new(store).await, store, inline, sizes).await
    }

    /// A log that keeps a snapshot of each stream after so many events, whose appender works.
    pub(super) async fn snapping(store: Store, snapshot_every: u64) -> Self {
        let sizes = Sizes { snapshot_every, ..Sizes::default() };
        let mut bench = Self::at(Place::new(store).await, store, Vec::new(), sizes).await;
        bench.start();
        bench
    }

    /// On a server of one's own, which may be killed.
    pub(super) async fn on(server: &servers::Postgres) -> Self {
        let place = Place::Server(server.database().await);
        let mut bench = Self::at(place, Store::Postgres, Vec::new(), Sizes::default()).await;
        bench.start();
        bench
    }

    async fn at(place: Place, store: Store, inline: Vec<Arc<dyn Inline>>, sizes: Sizes) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(MORNING_US)));
        let (log, appender) = open(place.database(), &clock, &inline, sizes).await.unwrap();
        Self { clock, log, store, inline, sizes, waiting: Some(appender), tasks: JoinSet::new(), place }
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
        let Self { clock, log, store, inline, sizes, place, mut tasks, .. } = self;
        drop(log);
        while let Some(ended) = tasks.join_next().await {
            assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
        }
        let (log, appender) = open(place.database(), &clock, &inline, sizes).await?;
        let waiting = Some(appender);
        let mut bench = Self { clock, log, store, inline, sizes, waiting, tasks, place };
        bench.start();
        Ok(bench)
    }

    /// Ends the process that writes, wherever it is.
    pub(super) fn dies(&mut self) {
        self.tasks.abort_all();
    }

    /// Another process that writes the same database.
    pub(super) async fn second_writer(&mut self) -> EventLog {
        let opened = open(self.place.database(), &self.clock, &self.inline, self.sizes);
        let (log, appender) = opened.await.unwrap();
        self.tasks.spawn(appender.run());
        log
    }

    pub(super) fn database(&self) -> Database {
        self.place.database()
    }

    /// The database, past everything that this crate does.
    pub(super) async fn raw(&self) -> Connection {
        self.database().writer().await.unwrap().acquire().await.unwrap()
    }

    /// The one number that a query answers with.
    pub(super) async fn count(&self, sql: &str) -> i64 {
        on!(&mut self.raw().await, c => sqlx::query_scalar(sql).fetch_one(c).await.unwrap())
    }

    /// Lets events be changed, as whoever owns the database can.
    pub(super) async fn disarm(&self) {
        let triggers: &[&str] = match self.store {
            Store::Sqlite => &["no_update", "no_delete", "no_replace"],
            Store::Postgres => &["no_change", "no_truncate"],
        };
        let mut raw = self.raw().await;
        for trigger in triggers {
            let on = if self.store == Store::Postgres { " ON ledger_events" } else { "" };
            raw.execute(&format!("DROP TRIGGER ledger_events_{trigger}{on}")).await.unwrap();
        }
    }

    /// The whole log, read.
    pub(super) async fn all(&self, log: Log) -> Vec<Recorded> {
        self.log.reader().read(log, 0, usize::MAX).await.unwrap()
    }
}

async fn open(
    database: Database,
    clock: &Arc<Hand>,
    inline: &[Arc<dyn Inline>],
    sizes: Sizes,
) -> Result<(EventLog, Appender), StoreError> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let sealer = Sealer::new(&MasterKey::from_hex(&"07".repeat(32))?);
    let options = LogOptions { clock, inline: inline.to_vec(), components: Vec::new(), sealer };
    EventLog::open_sized(database, options, sizes).await
}

pub(super) fn note(text: &str) -> NewEvent {
    NewEvent { event_type: "note_taken", schema_version: 1, payload: text.to_owned() }
}

/// One note for the end of a stream.
pub(super) fn noted(log: Log, stream: &str) -> StreamAppend {
    StreamAppend { log, stream: stream.to_owned(), expected: None, events: vec![note("{}")], trace: None }
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
