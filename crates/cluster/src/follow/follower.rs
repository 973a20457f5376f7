//! The loop that follows, and what it does with each answer and each hint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventlog::{
    PAGE_MAX, Recorded, Sealer, StoreError,
    bus::{Heard, Subscription},
};
use ledger::NodeClock;
use parking_lot::Mutex;
use tokio::{sync::watch, time};

use super::{FollowError, Replica, ReplicaError, Source, course::Course, hints::Hints};
use crate::Freshness;

/// How long a question may wait for news at most, in milliseconds.
pub(super) const WAIT_MS_MAX: u64 = 10_000;
/// How often it is asked whether a bus that is alive has lost anything.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is told at most how far this node has come.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// The pause after a failure doubles up to this.
const PAUSE_MIN: Duration = Duration::from_millis(100);
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(2);
const DOUBLINGS_MAX: u32 = 5;
/// So often in a row must a log be behind before it counts as restored: one control node may only be behind another.
const BEHIND_MAX: u32 = 3;

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

/// How to ask next.
#[derive(Clone, Copy)]
enum Question {
    /// Nobody knows what is missing.
    AtOnce,
    /// Nothing is missing: news may take so many milliseconds to come.
    Patient(u64),
    /// A bus says what happens: in a while, whether that was all.
    Checking,
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

    /// Takes in what there is now, so that whoever serves from it does not begin with what is long known elsewhere.
    ///
    /// # Errors
    /// When there is no answer, or it cannot be taken in: then it is served from what is known.
    pub async fn catch_up(&self) -> Result<(), FollowError> {
        let begun_ms = i64::try_from(self.clock.boot_ms()).unwrap_or(i64::MAX);
        while self.freshness.last().is_none_or(|last| last.at_ms < begun_ms) {
            self.ask(0).await?;
        }
        Ok(())
    }

    async fn tail(&self, hints: Option<Subscription>) {
        let mut bus = Hints::new(hints);
        // News are waited for once it is known that nothing is missing: whoever begins, or was cut off, asks at once.
        let patient = Question::Patient(self.freshness.wait_ms(WAIT_MS_MAX));
        let (mut question, mut failures) = (Question::AtOnce, 0);
        loop {
            match self.answered(question, &mut bus).await {
                Ok(()) => (question, failures) = (if bus.tells() { Question::Checking } else { patient }, 0),
                Err(error) => {
                    tracing::warn!(%error, position = self.replica.place().position, "the control log is not followed");
                    time::sleep(PAUSE_MAX.min(PAUSE_MIN * (1 << failures))).await;
                    (question, failures) = (Question::AtOnce, DOUBLINGS_MAX.min(failures + 1));
                }
            }
        }
    }

    /// Asks, and heeds what the bus says meanwhile.
    async fn answered(&self, question: Question, bus: &mut Hints) -> Result<(), FollowError> {
        let answer = async {
            match question {
                Question::AtOnce => self.ask(0).await,
                Question::Patient(wait_ms) => self.ask(wait_ms).await,
                Question::Checking => {
                    time::sleep(ASK_EVERY).await;
                    self.ask(0).await
                }
            }
        };
        tokio::pin!(answer);
        loop {
            tokio::select! {
                answered = &mut answer => return answered,
                heard = bus.next() => if let Err(error) = self.heed(heard).await {
                    tracing::debug!(%error, "what the bus says is asked for again");
                },
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
    pub(super) async fn heed(&self, heard: Heard) -> Result<(), FollowError> {
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
        let rebuilt = tokio::task::spawn_blocking(move || replica.rebuild(snapshot)).await;
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
