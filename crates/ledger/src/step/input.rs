//! What a step takes in and what it answers.

use domain::{
    AccountId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, EXTENSIONS_MAX, Flag},
    price::Usage,
};
use thiserror::Error;

use crate::record::{CallPart, Record};

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// Set quota aside for a call. Its facts name the accounts; leases and the amount are filled in here.
    Reserve {
        /// The call; `scopes` without leases, `reserved` nothing.
        facts: Box<CallFacts>,
        /// What it may cost at most.
        amount: Nanos,
        /// What it can make do with; equal to `amount` where it cannot.
        floor: Nanos,
        /// Now.
        now_ms: u64,
    },
    /// The ledger granted quota.
    Granted {
        /// Per account.
        grants: Vec<Grant>,
        /// The moment before it was asked for.
        asked_ms: u64,
    },
    /// An attempt is about to send its first byte.
    Sent {
        /// Whose attempt.
        call: CallPart,
        /// Where it goes.
        attempt: Attempt,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Whose attempt.
        call: CallPart,
        /// Which one.
        attempt: u32,
        /// What came of it.
        outcome: AttemptOutcome,
    },
    /// An answer has come so far.
    Progress {
        /// Whose answer.
        call: CallPart,
        /// Output tokens as counted here.
        output_tokens: u64,
    },
    /// Set more quota aside for a call that outgrows what was.
    Extend {
        /// Which call.
        call: CallPart,
        /// How much more.
        amount: Nanos,
        /// What it can make do with.
        floor: Nanos,
        /// Now.
        now_ms: u64,
    },
    /// A call ended and costs something, or may have.
    Settle {
        /// Which call.
        call: CallPart,
        /// What it used.
        usage: Box<Usage>,
        /// What it costs.
        amount: Nanos,
        /// What stands out.
        flags: Vec<Flag>,
        /// When, for people.
        ended_at: TimeStamp,
    },
    /// A call ended and was provably billed nowhere.
    Void {
        /// Which call.
        call: CallPart,
    },
    /// Give back what no call needs, now.
    Recall {
        /// Of these accounts; of all where there is none.
        accounts: Vec<AccountId>,
    },
    /// Time has passed.
    Tick {
        /// Now.
        now_ms: u64,
    },
}

/// What the ledger granted on one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A lease.
    Leased {
        /// Whose quota.
        account_id: AccountId,
        /// Names it.
        lease_id: LeaseId,
        /// How much.
        amount: Nanos,
        /// How long it may be spent, in milliseconds from when it was asked for.
        usable_ms: u64,
    },
    /// Nothing limits the account.
    Unlimited {
        /// Which account.
        account_id: AccountId,
        /// How long that may be relied upon, in milliseconds.
        usable_ms: u64,
    },
}

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// To be written, in this order, before anything else is done.
    pub records: Vec<Record>,
    /// To be answered.
    pub reply: Reply,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// Quota is set aside: so much, by this input.
    Reserved(Nanos),
    /// These accounts lack room: ask the ledger, then ask again.
    Short(Vec<Shortage>),
}

/// What an account lacks for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Which account.
    pub account_id: AccountId,
    /// What the node spent on it in the last ten seconds.
    pub rate: Nanos,
}

/// What a caller must not do: a fault in the code that calls, never a matter of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StepError {
    /// The call has ended, or was never reserved.
    #[error("call {} part {} is not open", .0.call_id, .0.part)]
    NotOpen(CallPart),
    /// The call is open already.
    #[error("call {} part {} was reserved before", .0.call_id, .0.part)]
    Reserved(CallPart),
    /// It was extended as often as may be.
    #[error("call {} part {} was extended {EXTENSIONS_MAX} times", .0.call_id, .0.part)]
    Extended(CallPart),
    /// An attempt may have been billed: it can only be settled.
    #[error("call {} part {} may have been billed and cannot be voided", .0.call_id, .0.part)]
    MayBeBilled(CallPart),
}
