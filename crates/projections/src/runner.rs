//! What follows a log at a distance: a read model in tables of its own, with a checkpoint that moves with its rows.
//!
//! A read model has generations. Readers and the runner use the active one; [`rebuild`] makes the next one beside it, from
//! events alone, and puts it in its place when it has come as far. Nobody waits meanwhile.

mod checkpoint;
mod generation;
mod rebuild;
mod status;
#[cfg(test)]
mod tests;
mod write;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{Log, TimeStamp};
use eventlog::{
    Connection, Dialect, EventLog, Heads, PAGE_MAX, Recorded, StoreError,
    passage::{Passage, PassageObserver, Step},
};
use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::Instant};

use self::write::{Written, begin_anew, write};
pub(crate) use self::{checkpoint::Checkpoint, rebuild::rebuild, status::status};
pub use self::{
    generation::Generation,
    rebuild::{RebuildError, Replaced},
    status::Status,
};

/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to gather what a burst appends, so that it takes one transaction and not many.
const GATHER: Duration = Duration::from_millis(100);

/// A read model of one log.
pub trait Projection: Send + Sync + 'static {
    /// Names it, among all that there are.
    const NAME: &'static str;
    /// Which log it is made from.
    const LOG: Log;
    /// What some events change.
    type Page: Send + 'static;

    /// The statements that make the tables of a generation.
    fn make(dialect: Dialect, generation: Generation) -> String;

    /// The statements that drop them, where they are.
    fn drop(generation: Generation) -> String;

    /// The statements that empty them.
    fn empty(generation: Generation) -> String;

    /// What these events change.
    ///
    /// # Errors
    /// When one cannot be read.
    fn page(events: &[Recorded]) -> Result<Self::Page, StoreError>;

    /// Writes it. What is left of the page goes to [`Projection::taken`].
    fn write<'a>(
        page: &'a mut Self::Page,
        connection: &'a mut Connection,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// A page of the active generation was written, for good.
    fn taken(&self, page: Self::Page);
}

/// Follows a log into one read model.
pub struct Runner<P> {
    positions: watch::Sender<u64>,
    /// When the first event was recorded that was read and not taken in yet, in microseconds; 0 where there is none.
    waiting: AtomicI64,
    observer: OnceLock<Arc<dyn PassageObserver>>,
    projection: P,
}

impl<P: Projection> Runner<P> {
    /// Where it left off; nothing is done before it follows.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn open(log: &EventLog, projection: P) -> Result<Arc<Self>, StoreError> {
        let mut connection = log.read_pool().acquire().await?;
        let generation = Generation::active::<P>(&mut connection).await?;
        let checkpoint = Checkpoint::find::<P>(&mut connection, generation).await?;
        let position = checkpoint.map_or(0, |checkpoint| checkpoint.position);
        Ok(Arc::new(Self {
            positions: watch::Sender::new(position),
            waiting: AtomicI64::new(0),
            observer: OnceLock::new(),
            projection,
        }))
    }

    /// Tells `observer` of every page in which there is a traced event; the first that is named is told.
    pub fn observed_by(&self, observer: Arc<dyn PassageObserver>) {
        self.observer.get_or_init(|| observer);
    }

    pub(crate) const fn projection(&self) -> &P {
        &self.projection
    }

    /// The position up to which it has taken in its log.
    pub fn position(&self) -> u64 {
        *self.positions.borrow()
    }

    /// Wakes whoever waits for a position.
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }

    /// When the oldest event was recorded that it has met and not taken in yet.
    pub fn waiting_since(&self) -> Option<TimeStamp> {
        let micros = self.waiting.load(Ordering::Relaxed);
        (micros != 0).then_some(TimeStamp::from_micros(micros))
    }

    /// Takes in what is appended, until the log's appender has ended. Where the store fails it says so, and goes on
    /// from its checkpoint. It writes, so the appender does not end before this does.
    pub async fn follow(self: Arc<Self>, log: EventLog) {
        let mut heads = log.subscribe();
        while let Err(error) = self.run(&log, &mut heads).await {
            let (projection, position) = (P::NAME, self.position());
            tracing::error!(%error, projection, position, "a read model cannot follow its log");
            if heads.has_changed().is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn run(&self, log: &EventLog, heads: &mut watch::Receiver<Heads>) -> Result<(), StoreError> {
        let (mut generation, mut checkpoint) = self.resume(log).await?;
        loop {
            let events = log.reader().read(P::LOG, checkpoint.position, PAGE_MAX).await?;
            let full = events.len() == PAGE_MAX;
            if let (Some(first), Some(last)) = (events.first(), events.last()) {
                self.waiting.store(first.recorded_at.micros(), Ordering::Relaxed);
                let (next, begun) = (checkpoint.at(last), Instant::now());
                match write::<P>(log, P::page(&events)?, generation, (checkpoint, next)).await? {
                    Written::Here(page) => {
                        self.projection.taken(page);
                        self.positions.send_replace(next.position);
                        self.passed(&events, begun.elapsed());
                        checkpoint = next;
                    }
                    Written::Replaced => {
                        (generation, checkpoint) = self.resume(log).await?;
                        tracing::info!(projection = P::NAME, %generation, "a read model was rebuilt");
                        continue;
                    }
                }
            }
            if full {
                continue;
            }
            self.waiting.store(0, Ordering::Relaxed);
            if heads.wait_for(|heads| heads.of(P::LOG) > checkpoint.position).await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    fn passed(&self, events: &[Recorded], took: Duration) {
        if let Some(observer) = self.observer.get()
            && let Some(passage) = Passage::of(Step::Applied(P::NAME), events, took)
        {
            observer.passed(passage);
        }
    }

    /// Where to go on from: the checkpoint if it is of this very log, else the beginning, with nothing in the tables.
    async fn resume(&self, log: &EventLog) -> Result<(Generation, Checkpoint), StoreError> {
        let start = Checkpoint::start(log.reader().log_id(P::LOG));
        let mut connection = log.read_pool().acquire().await?;
        let generation = Generation::active::<P>(&mut connection).await?;
        let found = Checkpoint::find::<P>(&mut connection, generation).await?;
        drop(connection);
        let checkpoint = match found {
            None => start,
            Some(found) if found.stands(log.reader(), P::LOG).await? => found,
            Some(Checkpoint { position, .. }) => {
                tracing::warn!(
                    projection = P::NAME,
                    position,
                    "made from another log: it is emptied and begins anew"
                );
                begin_anew::<P>(log, generation, start).await?;
                start
            }
        };
        self.positions.send_replace(checkpoint.position);
        Ok((generation, checkpoint))
    }
}
