//! The node's side: reserves from leases, writes its journal, brings it home.
//!
//! Everything a call does here is a step of the pure core and a copy into the journal, under one lock, without a
//! system call and without waking a thread. Two tasks work beside it: one makes the journal durable and uploads what
//! is, one gives back what no call needs.

mod anew;
mod denial;
mod durable;
mod heed;
mod inherit;
mod lend;
mod moment;
mod open;
mod orphan;
mod recalled;
#[cfg(test)]
mod tests;
mod upload;
mod windows;
mod write;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{
    JournalId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, CallPart, Flag},
    budget::{Binding, Window},
    price::Usage,
};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{Notify, watch};

use self::{durable::Syncer, moment::Moment, upload::Place, write::Inner};
pub use self::{
    durable::{Durable, JournalSync},
    inherit::Unheard,
    orphan::{Doubt, Homecoming, OrphanError, bring_home},
};
use crate::{
    journal::{self, Disk, JournalError, LocalDisk, SEGMENT_BYTES},
    port::LedgerPort,
    step::{Input, Reply, StepError},
};

/// What a node cannot know by itself.
pub trait NodeClock: Send + Sync + 'static {
    /// The time, for people.
    fn wall(&self) -> TimeStamp;
    /// Milliseconds that also pass while the machine sleeps.
    fn boot_ms(&self) -> u64;
    /// A new id.
    fn lease_id(&self) -> LeaseId;
    /// A new id, for a journal that takes another's place.
    fn journal_id(&self) -> JournalId;
}

/// How long a recall waits for the ledger.
const RECALL_MAX: Duration = Duration::from_millis(250);

/// How a node is opened.
pub struct NodeOptions {
    /// Where its journal lies.
    pub dir: PathBuf,
    /// What a new journal is called.
    pub new_journal_id: JournalId,
    /// Names the kernel's boot.
    pub boot_id: String,
    /// What a reservation must outlive.
    pub sync: JournalSync,
    /// How large a journal file is, in bytes.
    pub segment_bytes: usize,
    /// How much may wait to be ingested, in bytes. Beyond it no reservation is taken.
    pub journal_bytes_max: u64,
    /// What becomes of a start at which the ledger does not answer.
    pub unheard: Unheard,
    /// How long a call that would be refused waits for idle quota to come home.
    pub recall_max: Duration,
    /// What the journal lies on.
    pub(crate) disk: Arc<dyn Disk>,
}

impl NodeOptions {
    /// With files of the usual size and the usual patience.
    pub fn new(dir: PathBuf, new_journal_id: JournalId, boot_id: String) -> Self {
        Self {
            dir,
            new_journal_id,
            boot_id,
            sync: JournalSync::Os,
            segment_bytes: SEGMENT_BYTES,
            journal_bytes_max: journal::BYTES_MAX,
            unheard: Unheard::default(),
            recall_max: RECALL_MAX,
            disk: Arc::new(LocalDisk),
        }
    }
}

/// Why the node's side fails.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The caller broke the protocol.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The ledger would not take the journal in.
    #[error(transparent)]
    Ingest(#[from] crate::port::IngestError),
    /// What would be reserved now might never be charged.
    #[error("nothing is reserved here now: the disk failed, and what it was given is not durable yet")]
    Broken,
}

/// Why nothing was reserved.
#[derive(Debug, Error)]
pub enum ReserveError {
    /// Too little quota.
    #[error(transparent)]
    Insufficient(crate::port::GrantError),
    /// Too little is left of a budget, or its window cannot be drawn upon.
    #[error("{budget}, {window}: {refused}")]
    Budget {
        /// Which budget.
        budget: Binding,
        /// Which window of it.
        window: Window,
        /// What the ledger said.
        refused: crate::port::GrantError,
    },
    /// The ledger cannot be reached and the leases are spent.
    #[error(transparent)]
    Ledger(crate::port::GrantError),
    /// Other calls take the quota as fast as it is granted.
    #[error("the quota is contended; try again")]
    Contended,
    /// The journal takes no reservations.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// How the leases stand that a call draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// They may be spent.
    Good,
    /// The call has outlived one. What it holds stands and settles; what is still to come is safer in another part of
    /// the call, reserved anew.
    Outlived,
}

/// A node's quota and its journal.
pub struct Node {
    inner: Arc<Mutex<Inner>>,
    syncer: Arc<Syncer>,
    port: Arc<dyn LedgerPort>,
    clock: Arc<dyn NodeClock>,
    /// The disk failed: what is open can still be settled, nothing new is reserved.
    broken: AtomicBool,
    /// The journal did not come home when that was last tried.
    away: AtomicBool,
    /// Whose leases are still to be given back.
    inherited: tokio::sync::Mutex<Option<inherit::Inherited>>,
    lending: lend::Lending,
    /// The last record that the ledger has.
    ingested: watch::Sender<u64>,
    /// Told when somebody waits for an upload.
    hurry: Notify,
    /// Where the last upload ended, for the next to go on from.
    place: tokio::sync::Mutex<Place>,
}

impl Node {
    /// Which journal this node writes now.
    pub fn journal_id(&self) -> JournalId {
        self.inner.lock().journal.id()
    }

    /// How many calls are open.
    pub fn open_calls(&self) -> usize {
        self.inner.lock().state.open_calls()
    }

    /// Leases that it holds quota of.
    pub fn open_leases(&self) -> usize {
        self.inner.lock().state.open_leases()
    }

    /// How many records the ledger does not have yet.
    pub fn lag(&self) -> u64 {
        self.inner.lock().journal.seq().saturating_sub(*self.ingested.borrow())
    }

    /// What the journal takes on the disk, and the most that it may, in bytes.
    pub fn journal_bytes(&self) -> (u64, u64) {
        self.inner.lock().journal.bytes()
    }

    /// How many records this journal has had written.
    pub fn written(&self) -> u64 {
        self.inner.lock().journal.seq()
    }

    /// An attempt is about to send its first byte, once this is durable.
    ///
    /// # Errors
    /// When it cannot be written down; then it must not be sent.
    pub fn sent(&self, call: CallPart, attempt: Attempt) -> Result<Durable, NodeError> {
        let number = attempt.attempt;
        let written = self.take(Input::Sent { call, attempt });
        if matches!(written, Err(NodeError::Journal(_))) {
            // What is not written down is not sent, and keeps no call from being voided.
            let ended = Input::AttemptEnded { call, attempt: number, outcome: AttemptOutcome::Unbilled };
            let _ = self.inner.lock().state.step(ended);
        }
        written.map(|_| self.durable())
    }

    /// An attempt ended.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn attempt_ended(
        &self,
        call: CallPart,
        attempt: u32,
        outcome: AttemptOutcome,
    ) -> Result<(), NodeError> {
        self.take(Input::AttemptEnded { call, attempt, outcome }).map(drop)
    }

    /// An answer has come so far; says how the leases stand that it draws on.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn progress(&self, call: CallPart, output_tokens: u64) -> Result<Tenure, NodeError> {
        self.take(Input::Progress { call, output_tokens })?;
        let now_ms = self.clock.boot_ms();
        let outlived = self.inner.lock().state.has_outlived_a_lease(call, now_ms);
        Ok(if outlived { Tenure::Outlived } else { Tenure::Good })
    }

    /// A call ended and costs something, or may have.
    ///
    /// # Errors
    /// When it cannot be written down now. It is written with whatever is written next; should the process die before,
    /// the call is in doubt.
    pub fn settle(
        &self,
        call: CallPart,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
    ) -> Result<(), NodeError> {
        let ended_at = self.clock.wall();
        let usage = Box::new(usage);
        self.take(Input::Settle { call, usage, amount, flags, ended_at }).map(drop)
    }

    /// A call ended and was provably billed nowhere.
    ///
    /// # Errors
    /// When it may have been billed, or cannot be written down.
    pub fn void(&self, call: CallPart) -> Result<(), NodeError> {
        self.take(Input::Void { call }).map(drop)
    }

    /// Steps, and writes what the step says.
    fn take(&self, input: Input) -> Result<Reply, NodeError> {
        let moment = Moment::of(&input);
        moment.before();
        let mut inner = self.inner.lock();
        let output = inner.state.step(input)?;
        inner.write_all(output.records).inspect_err(|error| {
            // A record that is too large says nothing about the disk: only its own call fails.
            self.broken.fetch_or(error.is_of_the_disk(), Ordering::AcqRel);
        })?;
        moment.after(&output.reply);
        Ok(output.reply)
    }

    /// Reserves no more until the disk has kept what it was given.
    fn fail(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Reserves from what is leased already.
    fn reserve_here(&self, facts: CallFacts, amount: Nanos, floor: Nanos) -> Result<Reply, NodeError> {
        let call = CallPart::of(&facts);
        let now_ms = self.clock.boot_ms();
        let reply = self.take(Input::Reserve { facts: Box::new(facts), amount, floor, now_ms });
        if matches!(reply, Err(NodeError::Journal(_))) {
            // What is not written down was not reserved.
            let _ = self.inner.lock().state.step(Input::Void { call });
        }
        reply
    }

    /// Extends from what is leased already.
    fn extend_here(&self, call: CallPart, amount: Nanos, floor: Nanos) -> Result<Reply, NodeError> {
        let now_ms = self.clock.boot_ms();
        let reply = self.take(Input::Extend { call, amount, floor, now_ms });
        if matches!(reply, Err(NodeError::Journal(_))) {
            self.inner.lock().state.retract(call);
        }
        reply
    }

    /// Whether a reservation can be taken.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self) -> Result<(), NodeError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(NodeError::Broken);
        }
        let mut inner = self.inner.lock();
        // The file that is allocated ahead may just have come into use: that is no reason to refuse.
        inner.journal.prepare()?;
        Ok(inner.journal.admits()?)
    }
}
