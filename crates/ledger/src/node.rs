//! The node's side: reserves from leases, writes its journal, brings it home.
//!
//! Everything a call does here is a step of the pure core and a copy into the journal, under one lock, without a
//! system call and without waking a thread. Two tasks work beside it: one makes the journal durable and uploads what
//! is, one gives back what no call needs.

mod heed;
mod lend;
mod open;
mod recalled;
#[cfg(test)]
mod tests;
mod upload;
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
    CallId, JournalId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Flag},
    price::Usage,
};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;

use self::write::Inner;
use crate::{
    journal::{JournalError, Reader, SEGMENT_BYTES},
    port::LedgerPort,
    record::CallPart,
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
    /// How large a journal file is, in bytes.
    pub segment_bytes: usize,
    /// How long a call that would be refused waits for idle quota to come home.
    pub recall_max: Duration,
}

impl NodeOptions {
    /// With files of the usual size and the usual patience.
    pub const fn new(dir: PathBuf, new_journal_id: JournalId, boot_id: String) -> Self {
        Self { dir, new_journal_id, boot_id, segment_bytes: SEGMENT_BYTES, recall_max: RECALL_MAX }
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
    #[error(
        "nothing more is reserved here: the disk failed, or the journal was rolled back; the log says which"
    )]
    Broken,
}

/// Why nothing was reserved.
#[derive(Debug, Error)]
pub enum ReserveError {
    /// Too little quota.
    #[error(transparent)]
    Insufficient(crate::port::GrantError),
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

/// A node's quota and its journal.
pub struct Node {
    inner: Mutex<Inner>,
    journal_id: JournalId,
    port: Arc<dyn LedgerPort>,
    clock: Arc<dyn NodeClock>,
    /// The disk failed or was rolled back: what is open can still be settled, nothing new is reserved.
    broken: AtomicBool,
    lending: lend::Lending,
    /// The last record that the ledger has.
    ingested: watch::Sender<u64>,
    /// Where the last upload ended, for the next to go on from.
    place: tokio::sync::Mutex<Option<Reader>>,
}

impl Node {
    /// Which journal this node writes.
    pub const fn journal_id(&self) -> JournalId {
        self.journal_id
    }

    /// How many calls are open.
    pub fn open_calls(&self) -> usize {
        self.inner.lock().state.open_calls()
    }

    /// How many records the ledger does not have yet.
    pub fn lag(&self) -> u64 {
        self.inner.lock().journal.seq().saturating_sub(*self.ingested.borrow())
    }

    /// An attempt is about to send its first byte.
    ///
    /// # Errors
    /// When it cannot be written down; then it must not be sent.
    pub fn sent(&self, call_id: CallId, attempt: Attempt) -> Result<(), NodeError> {
        let (call, number) = (whole(call_id), attempt.attempt);
        let written = self.take(Input::Sent { call, attempt });
        if matches!(written, Err(NodeError::Journal(_))) {
            // What is not written down is not sent, and keeps no call from being voided.
            let ended = Input::AttemptEnded { call, attempt: number, outcome: AttemptOutcome::Unbilled };
            let _ = self.inner.lock().state.step(ended);
        }
        written.map(drop)
    }

    /// An attempt ended.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn attempt_ended(
        &self,
        call_id: CallId,
        attempt: u32,
        outcome: AttemptOutcome,
    ) -> Result<(), NodeError> {
        self.take(Input::AttemptEnded { call: whole(call_id), attempt, outcome }).map(drop)
    }

    /// An answer has come so far.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn progress(&self, call_id: CallId, output_tokens: u64) -> Result<(), NodeError> {
        self.take(Input::Progress { call: whole(call_id), output_tokens }).map(drop)
    }

    /// A call ended and costs something, or may have.
    ///
    /// # Errors
    /// When it cannot be written down now. It is written with whatever is written next; should the process die before,
    /// the call is in doubt.
    pub fn settle(
        &self,
        call_id: CallId,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
    ) -> Result<(), NodeError> {
        let ended_at = self.clock.wall();
        let usage = Box::new(usage);
        self.take(Input::Settle { call: whole(call_id), usage, amount, flags, ended_at }).map(drop)
    }

    /// A call ended and was provably billed nowhere.
    ///
    /// # Errors
    /// When it may have been billed, or cannot be written down.
    pub fn void(&self, call_id: CallId) -> Result<(), NodeError> {
        self.take(Input::Void { call: whole(call_id) }).map(drop)
    }

    /// Steps, and writes what the step says.
    fn take(&self, input: Input) -> Result<Reply, NodeError> {
        let mut inner = self.inner.lock();
        let output = inner.state.step(input)?;
        let mut written = if output.records.is_empty() { inner.catch_up() } else { Ok(()) };
        for record in output.records {
            written = inner.write(record);
        }
        written.map(|()| output.reply).map_err(|error| {
            // A record that is too large says nothing about the disk: only its own call fails.
            let disk = matches!(error, JournalError::Io(_) | JournalError::Full);
            self.broken.fetch_or(disk, Ordering::AcqRel);
            error.into()
        })
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

const fn whole(call_id: CallId) -> CallPart {
    CallPart { call_id, part: 0 }
}
