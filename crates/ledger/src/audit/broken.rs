//! What an audit finds: an invariant that does not hold, and where.

use std::path::PathBuf;

use domain::{AccountId, CallId, GroupName, JournalId, LeaseId, ModelName};
use eventlog::{LogFault, ModelFault};
use thiserror::Error;

use super::FAULTS_MAX;

/// An invariant that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// I7: a read model is not what the log says.
    #[error(transparent)]
    Model(#[from] ModelFault),
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
    /// I2: a lease was overdrawn by more than calls outgrew their reservations and it had left when it was reclaimed.
    #[error(
        "I2: {} of {} was charged {deficit} nano-dollars beyond what it held; overshoots and its reclaim explain {explained}",
        .lease_id.prefixed(), .account_id.prefixed()
    )]
    Deficit {
        /// Whose quota.
        account_id: AccountId,
        /// Which lease.
        lease_id: LeaseId,
        /// What was charged beyond what it held.
        deficit: u128,
        /// How much of it is explained.
        explained: u128,
    },
    /// I2: what stands out about a charge is not flagged, or a flag stands for nothing.
    #[error(
        "I2: ledger event {position} is late, an overshoot or in suspense and not flagged so, or the other way round"
    )]
    Flags {
        /// Which event.
        position: u64,
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
    /// I3: the list of ended calls, by which a second end is refused, lacks one.
    #[error("I3: {} part {part} ended at ledger event {position} and is not listed as ended", .call_id.prefixed())]
    Unlisted {
        /// Which call.
        call_id: CallId,
        /// Which part.
        part: u32,
        /// Its end.
        position: u64,
    },
    /// I3: the list of ended calls holds one that has not ended, and whose end would be refused.
    #[error("I3: {} part {part} is listed as ended and no event ends it", .call_id.prefixed())]
    Listed {
        /// Which call.
        call_id: CallId,
        /// Which part.
        part: u32,
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
    /// I5: a record was taken in after one that follows it.
    #[error(
        "I5: ledger event {position} charges record {seq} of journal {journal_id}, which was taken in before"
    )]
    Order {
        /// Which event.
        position: u64,
        /// Which journal.
        journal_id: JournalId,
        /// Which record.
        seq: u64,
    },
    /// I5: the journal that lies here is not what was written.
    #[error("I5: the journal is damaged: {path} at byte {offset}")]
    JournalDamaged {
        /// The damaged file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
    },
    /// I5: the journal that lies here lacks records that were not taken in yet, at its beginning.
    #[error("I5: journal {journal_id} is known up to record {cursor}, and begins after record {before} here")]
    JournalLacks {
        /// Which journal.
        journal_id: JournalId,
        /// Where the cursor stands.
        cursor: u64,
        /// The record in front of the first that is here.
        before: u64,
    },
    /// I5: the journal that lies here ends before what was taken in of it.
    #[error("I5: journal {journal_id} is known up to record {cursor}, and is here up to {last} only")]
    JournalShort {
        /// Which journal.
        journal_id: JournalId,
        /// Where the cursor stands.
        cursor: u64,
        /// The last record that is here.
        last: u64,
    },
    /// I5: another record was taken in than stands in the journal that lies here.
    #[error("I5: record {seq} of journal {journal_id} is not the one that was taken in")]
    JournalDiffers {
        /// Which journal.
        journal_id: JournalId,
        /// Which record.
        seq: u64,
    },
    /// I5: a charge is not what the journal that lies here says of it.
    #[error("I5: ledger event {position} is not what record {seq} of journal {journal_id} says")]
    Record {
        /// Which event.
        position: u64,
        /// Which journal.
        journal_id: JournalId,
        /// Which record.
        seq: u64,
    },
    /// I5: a settlement was taken in and not charged.
    #[error("I5: {} part {part} was settled in the journal and taken in, and no event charges it", .call_id.prefixed())]
    Uncharged {
        /// Which call.
        call_id: CallId,
        /// Which part.
        part: u32,
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
    /// I9: a charge was priced by what had not been set yet.
    #[error(
        "I9: ledger event {position} was priced at control event {control_position}; the control log ends at {head}"
    )]
    Ahead {
        /// Which event.
        position: u64,
        /// Where it was priced.
        control_position: u64,
        /// Where the control log ends.
        head: u64,
    },
    /// I9: the pinned price is not the one that was in force.
    #[error(
        "I9: ledger event {position} charges `{model}` at a price that was not in force at control event {control_position}"
    )]
    Price {
        /// Which event.
        position: u64,
        /// What was asked for.
        model: ModelName,
        /// Where it was priced.
        control_position: u64,
    },
    /// I9: the pinned ratio is not the one that was in force.
    #[error(
        "I9: ledger event {position} charges group `{group}` at a ratio that was not in force at control event {control_position}"
    )]
    Ratio {
        /// Which event.
        position: u64,
        /// Whose ratio.
        group: GroupName,
        /// Where it was priced.
        control_position: u64,
    },
    /// I10: the attempts do not explain the charge.
    #[error("I10: ledger event {position} {amiss}")]
    Attempts {
        /// Which event.
        position: u64,
        /// Why not.
        amiss: Amiss,
    },
}

/// How the attempts of a call do not explain its charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Amiss {
    /// An attempt is named twice.
    #[error("names an attempt twice")]
    NamedTwice,
    /// The customer pays one answer, never two.
    #[error("has several attempts that answered")]
    Several,
    /// The customer pays for an answer.
    #[error("is paid, and no attempt answered")]
    NobodyAnswered,
    /// Where an attempt answered, the customer pays.
    #[error("is the operator's, and an attempt answered")]
    Answered,
    /// Where nothing may have been billed there is nothing to record.
    #[error("is the operator's, and no attempt may have been billed")]
    Unbilled,
}

/// What was found, no more of it than is listed.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Broken>);

impl Findings {
    pub(super) fn push(&mut self, broken: impl Into<Broken>) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(broken.into());
        }
    }

    pub(super) fn extend<B: Into<Broken>>(&mut self, broken: impl IntoIterator<Item = B>) {
        broken.into_iter().for_each(|broken| self.push(broken));
    }

    pub(super) fn into_inner(self) -> Vec<Broken> {
        self.0
    }
}
