//! Following a log from another node: what comes next is taken in, what is missing is fetched, and where the log is
//! another one than before all of it is fetched anew.
//!
//! Events may be hinted at by a bus that loses, repeats and reorders; the [`Source`] has them all, in order.

mod course;
mod source;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use eventlog::{
    PAGE_MAX, Place, Recorded, Sealer, StoreError,
    bus::{Heard, Subscription},
};
use futures_util::{StreamExt, future::BoxFuture};
use ledger::NodeClock;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use self::course::Course;
use crate::{EventPage, Freshness};

/// How long a question may wait for news at most, in milliseconds.
const WAIT_MS_MAX: u64 = 10_000;
/// A bus that has said nothing for so long is away.
const TOLD_MAX: Duration = Duration::from_secs(3);
/// How often it is asked whether a bus that is alive has lost anything.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is told at most how far this node has come.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// The pause after a failure doubles up to this.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const DOUBLINGS_MAX: u32 = 5;
/// So often in a row must a log be behind before it counts as restored: one control node may only be behind another.
const BEHIND_MAX: u32 = 3;

/// Who has the log did not answer, or not well.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct SourceError(pub Box<dyn std::error::Error + Send + Sync>);

/// Who has the log. How long it takes to answer is bounded by itself.
pub trait Source: Send + Sync + 'static {
    /// All that it has come to, for [`Replica::rebuild`].
    fn snapshot(&self) -> BoxFuture<'_, Result<Bytes, SourceError>>;

    /// The events after `after`, at most `limit`; where there are none, those that come within `wait_ms`.
    fn events(&self, after: u64, limit: usize, wait_ms: u64)
    -> BoxFuture<'_, Result<EventPage, SourceError>>;

    /// Is told how far this node has come.
    fn applied(&self, position: u64) -> BoxFuture<'_, Result<(), SourceError>>;
}

/// A snapshot could not be made or taken.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct ReplicaError(pub Box<dyn std::error::Error + Send + Sync>);

/// What is made of the log here.
pub trait Replica: Send + Sync + 'static {
    /// Which log it follows, and how far it has come.
    fn place(&self) -> Place;

    /// Takes in what comes next.
    ///
    /// # Errors
    /// When it is not what comes next, or cannot be understood; what came before holds.
    fn take(&self, events: &[Recorded]) -> Result<(), StoreError>;

    /// Puts a snapshot in the place of everything.
    ///
    /// # Errors
    /// When it is none; what is known stays.
    fn rebuild(&self, snapshot: &[u8]) -> Result<(), ReplicaError>;

    /// All that it has come to, and where that is.
    ///
    /// # Errors
    /// When it cannot be written.
    fn snapshot(&self) -> Result<(Place, Bytes), ReplicaError>;
}

/// Why a log is not followed for now.
#[derive(Debug, Error)]
pub enum FollowError {
    /// Nobody who has it answers.
    #[error("no control node answers: {0}")]
    Source(#[from] SourceError),
    /// What it says cannot be taken in.
    #[error("what the log says cannot be taken in: {0}")]
    Untaken(#[from] StoreError),
    /// The snapshot cannot.
    #[error("the snapshot cannot be taken: {0}")]
    Snapshot(#[from] ReplicaError),
    /// The log ends before what was known of it.
    #[error("the log ends at {head}, and {position} was known: a control node lags, or was restored")]
    Behind {
        /// Where it ends.
        head: u64,
        /// What was known.
        position: u64,
    },
}

/// Keeps a replica up with its log.
pub struct Follower {
    source: Arc<dyn Source>,
    replica: Arc<dyn Replica>,
    freshness: Arc<Freshness>,
    clock: Arc<dyn NodeClock>,
    sealer: Sealer,
    /// How often in a row the log was behind.
    behind: Mutex<u32>,
    rebuilding: AtomicBool,
    applied: watch::Sender<u64>,
}

/// What the bus says next; nothing for ever where there is none.
async fn hear(hints: &mut Option<Subscription>) -> Heard {
    if let Some(stream) = hints {
        if let Some(heard) = stream.next().await {
            return heard;
        }
        tracing::warn!("the bus has ended: control nodes are asked alone");
        *hints = None;
    }
    std::future::pending().await
}

impl Follower {
    /// Begins where the replica stands. `sealer` opens what a bus hints at.
    pub fn new(
        source: Arc<dyn Source>,
        replica: Arc<dyn Replica>,
        freshness: Arc<Freshness>,
        clock: Arc<dyn NodeClock>,
        sealer: Sealer,
    ) -> Self {
        let applied = watch::Sender::new(replica.place().position);
        Self {
            source,
            replica,
            freshness,
            clock,
            sealer,
            behind: Mutex::new(0),
            rebuilding: AtomicBool::new(false),
            applied,
        }
    }

    /// Follows for as long as it is polled.
    pub async fn run(self, hints: Option<Subscription>) {
        tokio::join!(self.tail(hints), self.tell());
    }

    async fn tail(&self, mut hints: Option<Subscription>) {
        // News are waited for once it is known that nothing is missing: whoever begins, or was cut off, asks at once.
        let (patience_ms, mut wait_ms, mut failures) = (self.freshness.wait_ms(WAIT_MS_MAX), 0, 0);
        let mut told_at: Option<Instant> = None;
        loop {
            let is_told = told_at.is_some_and(|at| at.elapsed() < TOLD_MAX);
            let question = async move {
                // The bus says what happens: it is only asked whether that is all.
                if is_told && wait_ms > 0 {
                    time::sleep(ASK_EVERY).await;
                    return self.ask(0).await;
                }
                self.ask(wait_ms).await
            };
            tokio::pin!(question);
            let answered = loop {
                tokio::select! {
                    answered = &mut question => break answered,
                    heard = hear(&mut hints) => {
                        told_at = Some(Instant::now());
                        if let Err(error) = self.heed(heard).await {
                            tracing::debug!(%error, "what the bus says is asked for again");
                        }
                    }
                }
            };
            match answered {
                Ok(()) => (wait_ms, failures) = (patience_ms, 0),
                Err(error) => {
                    wait_ms = 0;
                    tracing::warn!(%error, position = self.replica.place().position, "the control log is not followed");
                    time::sleep(PAUSE_MAX.min(PAUSE_MIN * (1 << failures))).await;
                    failures = DOUBLINGS_MAX.min(failures + 1);
                }
            }
        }
    }

    /// Asks for what comes next, and takes it in.
    ///
    /// # Errors
    /// When there is no answer, or it cannot be taken in.
    pub async fn ask(&self, wait_ms: u64) -> Result<(), FollowError> {
        let (after, asked_ms) = (self.replica.place().position, self.clock.boot_ms());
        let page = self.source.events(after, PAGE_MAX, wait_ms).await?;
        let place = self.replica.place();
        match Course::to_head(place, page.log_id, page.head) {
            Course::Known => {}
            Course::Next | Course::Missing => self.take(page.events)?,
            Course::Behind if self.is_restored() => return self.rebuild().await,
            Course::Behind => {
                return Err(FollowError::Behind { head: page.head, position: place.position });
            }
            Course::OtherLog => return self.rebuild().await,
        }
        *self.behind.lock() = 0;
        if self.replica.place().position >= page.head {
            self.freshness.reached(self.replica.place(), asked_ms);
        }
        Ok(())
    }

    fn is_restored(&self) -> bool {
        let mut behind = self.behind.lock();
        *behind += 1;
        *behind >= BEHIND_MAX
    }

    /// Takes in what a bus hinted at, where it is what comes next; what is missing before it is asked for.
    async fn heed(&self, heard: Heard) -> Result<(), FollowError> {
        if self.rebuilding.load(Ordering::Acquire) {
            return Ok(());
        }
        let place = self.replica.place();
        let envelope = match heard {
            Heard::Event(envelope) => envelope,
            Heard::Head(head) => {
                return match Course::to_head(place, head.log_id, head.position) {
                    // A head may be an old one: that nothing is missing is only known from who was asked.
                    Course::Known | Course::Behind => Ok(()),
                    Course::Next | Course::Missing | Course::OtherLog => self.ask(0).await,
                };
            }
        };
        match Course::to_event(place, envelope.log_id, envelope.position()) {
            Course::Known | Course::Behind => Ok(()),
            Course::Next => match envelope.open(&self.sealer) {
                Ok(event) => Ok(self.take(vec![event])?),
                Err(error) => {
                    tracing::error!(%error, "the bus carries what no control node wrote");
                    Ok(())
                }
            },
            // Whoever has the log says which one it is.
            Course::Missing | Course::OtherLog => self.ask(0).await,
        }
    }

    fn take(&self, mut events: Vec<Recorded>) -> Result<(), StoreError> {
        let known = self.replica.place().position;
        events.retain(|event| event.position > known);
        let taken = self.replica.take(&events);
        self.applied.send_replace(self.replica.place().position);
        taken
    }

    async fn rebuild(&self) -> Result<(), FollowError> {
        let before = self.replica.place();
        let snapshot = self.source.snapshot().await?;
        let replica = Arc::clone(&self.replica);
        // Nothing of the old log is taken into the new one meanwhile.
        self.rebuilding.store(true, Ordering::Release);
        let rebuilt = tokio::task::spawn_blocking(move || replica.rebuild(&snapshot)).await;
        self.rebuilding.store(false, Ordering::Release);
        rebuilt.map_err(|error| ReplicaError(Box::new(error))).flatten()?;
        *self.behind.lock() = 0;
        let after = self.replica.place();
        tracing::warn!(
            ?before,
            ?after,
            "the control log is another one than before: all of it was fetched anew"
        );
        self.applied.send_replace(after.position);
        Ok(())
    }

    /// Tells how far this node has come; whoever does not hear it hears the next.
    async fn tell(&self) {
        let mut applied = self.applied.subscribe();
        applied.mark_changed();
        while applied.changed().await.is_ok() {
            let position = *applied.borrow_and_update();
            if let Err(error) = self.source.applied(position).await {
                tracing::debug!(%error, position, "how far this node has come was not heard");
            }
            time::sleep(TELL_EVERY).await;
        }
    }
}
