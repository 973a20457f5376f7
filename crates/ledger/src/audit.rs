//! The audit of money: every balance folded anew from the log, every bill computed anew, and compared.

mod fold;
mod kept;
mod replay;
#[cfg(test)]
mod tests;

use domain::{AccountId, CallId, JournalId, LeaseId, Log};
use eventlog::{Heads, LogFault, LogReader, StoreError, verify};
use serde::Serialize;
use thiserror::Error;

use self::fold::Fold;
pub use self::replay::{Replay, replay};
use crate::accounts;

/// The most faults that an audit lists.
pub(crate) const FAULTS_MAX: usize = 100;

/// An invariant that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// I1: an account is not what its events say.
    #[error("I1: {} is {stored}, its events make it {folded}", .account_id.prefixed())]
    Balance {
        /// Which account.
        account_id: AccountId,
        /// What the table says.
        stored: String,
        /// What the log says.
        folded: String,
    },
    /// I1: what is pending is not what the open leases hold.
    #[error("I1: {} has {pending} nano-dollars pending, its open leases hold {leased}", .account_id.prefixed())]
    Pending {
        /// Which account.
        account_id: AccountId,
        /// What it says.
        pending: u64,
        /// What the leases hold.
        leased: u64,
    },
    /// I1: the list of open leases, from which those of a dead process are given back, is not what the events say.
    #[error("I1: {} of {} is listed as open or its events say so, but not both alike", .lease_id.prefixed(), .account_id.prefixed())]
    Lease {
        /// Whose quota.
        account_id: AccountId,
        /// Which lease.
        lease_id: LeaseId,
    },
    /// I1: what jobs of the control node have set aside is not what the events say.
    #[error("I1: {} is kept by an open hold or its events say so, but not both alike", .lease_id.prefixed())]
    Hold {
        /// The lease that keeps it.
        lease_id: LeaseId,
    },
    /// I2: an account is overdrawn by more than flagged charges explain.
    #[error("I2: {} is overdrawn by {overdrawn} nano-dollars, flagged charges explain {explained}", .account_id.prefixed())]
    Overdrawn {
        /// Which account.
        account_id: AccountId,
        /// By how much.
        overdrawn: u128,
        /// How much of it is explained.
        explained: u128,
    },
    /// I3: a call has two terminal events.
    #[error("I3: {} part {part} ended twice, the second time at ledger event {position}", .call_id.prefixed())]
    EndedTwice {
        /// Which call.
        call_id: CallId,
        /// Which part.
        part: u32,
        /// The second end.
        position: u64,
    },
    /// I5: a journal's cursor is behind a record that was taken in.
    #[error("I5: journal {journal_id} is known up to {cursor}, but record {seq} of it was charged")]
    Cursor {
        /// Which journal.
        journal_id: JournalId,
        /// Where the cursor stands.
        cursor: u64,
        /// What was charged.
        seq: u64,
    },
    /// I9: a charge is not what its pinned price says.
    #[error(
        "I9: ledger event {position} charges {charged} nano-dollars; its usage and pinned price make {billed}"
    )]
    Bill {
        /// Which event.
        position: u64,
        /// What was charged.
        charged: u64,
        /// What it should be.
        billed: u64,
    },
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// How far each log was read.
    #[serde(serialize_with = "heads")]
    pub events: Heads,
    /// How many calls were charged.
    pub charges: u64,
    /// How many of them in doubt.
    pub in_doubt: u64,
    /// What does not hold, at most `FAULTS_MAX` of it.
    #[serde(serialize_with = "texts")]
    pub broken: Vec<Broken>,
}

fn heads<S: serde::Serializer>(heads: &Heads, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Log::ALL.map(|log| (log.as_str(), heads.of(log))))
}

fn texts<S: serde::Serializer>(broken: &[Broken], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(broken.iter().map(ToString::to_string))
}

/// Reads both logs whole, folds every account anew and compares. Works beside a process that writes: what is
/// compared is what one read transaction sees.
///
/// # Errors
/// When the database cannot be read, or an event cannot.
pub async fn audit(reader: &LogReader) -> Result<Audit, StoreError> {
    audit_with(reader, |_| ()).await
}

/// How far a reading of the history has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The log that is being read.
    pub log: Log,
    /// The event at hand.
    pub position: u64,
    /// The last one that will be read.
    pub end: u64,
}

/// The same, and `seen` hears of every event that is read.
///
/// # Errors
/// When the database cannot be read, or an event cannot.
pub async fn audit_with(reader: &LogReader, mut seen: impl FnMut(Progress)) -> Result<Audit, StoreError> {
    let mut snapshot = reader.snapshot().await?;
    let events = snapshot.heads().await?;
    let mut audit = Audit { events, ..Audit::default() };
    let mut fold = Fold::default();
    for log in Log::ALL {
        let end = events.of(log);
        let faults = verify(&mut snapshot, log, end, FAULTS_MAX, |event| {
            seen(Progress { log, position: event.position, end });
            fold.event(event)
        })
        .await?;
        audit.broken.extend(faults.into_iter().map(Broken::Log));
    }
    audit.charges = fold.ended.len() as u64;
    audit.in_doubt = fold.in_doubt;
    audit.broken.append(&mut fold.broken);
    fold.compare(&accounts::all(snapshot.connection()).await?, &mut audit.broken);
    fold.leases(&accounts::leases(snapshot.connection()).await?, &mut audit.broken);
    fold.holds(&accounts::holds::leases(snapshot.connection()).await?, &mut audit.broken);
    fold.cursors(&accounts::cursors(snapshot.connection()).await?, &mut audit.broken);
    audit.broken.append(&mut kept::faults(&mut snapshot).await?);
    audit.broken.truncate(FAULTS_MAX);
    Ok(audit)
}
