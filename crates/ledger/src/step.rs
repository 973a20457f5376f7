//! The node's side of the ledger as a pure step: what it holds, what comes in, what must be written and answered.
//!
//! No clock, no disk, no network: times are handed in (milliseconds that also count while the machine sleeps), and
//! records come out in the order in which they must be in the journal.

mod call;
mod purse;
mod repeat;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use domain::{
    AccountId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Flag, Scope},
    price::Usage,
};
use thiserror::Error;

pub use self::replay::Replay;
use self::{call::OpenCall, purse::Purse};
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
    /// Quota is set aside: so much.
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
    /// An attempt may have been billed: it can only be settled.
    #[error("call {} part {} may have been billed and cannot be voided", .0.call_id, .0.part)]
    MayBeBilled(CallPart),
}

/// All that a node knows about the money it may spend.
#[derive(Debug, Default)]
pub struct NodeState {
    /// In order, so that a step writes the same records whenever it is taken.
    purses: BTreeMap<AccountId, Purse>,
    calls: HashMap<CallPart, OpenCall>,
}

impl NodeState {
    /// Takes one input in.
    ///
    /// # Errors
    /// When the caller broke the protocol; nothing has changed then.
    pub fn step(&mut self, input: Input) -> Result<Output, StepError> {
        match input {
            Input::Reserve { facts, amount, floor, now_ms } => self.reserve(*facts, amount, floor, now_ms),
            Input::Granted { grants, asked_ms } => {
                for grant in grants {
                    self.granted(grant, asked_ms);
                }
                Ok(Output { records: Vec::new(), reply: Reply::Done })
            }
            Input::Sent { call, attempt } => {
                self.open(call)?.sent(attempt.clone());
                Ok(done(vec![Record::Sent { call, attempt }]))
            }
            Input::AttemptEnded { call, attempt, outcome } => {
                self.open(call)?.end_attempt(attempt, outcome);
                Ok(done(vec![Record::AttemptEnded { call, attempt, outcome }]))
            }
            Input::Progress { call, output_tokens } => {
                self.open(call)?.output_tokens = output_tokens;
                Ok(done(vec![Record::Progress { call, output_tokens }]))
            }
            Input::Settle { call, usage, amount, flags, ended_at } => {
                let open = self.calls.remove(&call).ok_or(StepError::NotOpen(call))?;
                self.settle_scopes(&open.facts, amount);
                Ok(done(vec![Record::Settle(Box::new(open.settled(*usage, amount, flags, ended_at)))]))
            }
            Input::Void { call } => self.void(call),
            Input::Recall { accounts } => Ok(done(self.recall(&accounts))),
            Input::Tick { now_ms } => Ok(done(self.tick(now_ms))),
        }
    }

    /// How many calls are open.
    pub fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// How many leases are held.
    pub fn open_leases(&self) -> usize {
        self.purses.values().map(Purse::leases).sum()
    }

    fn open(&mut self, call: CallPart) -> Result<&mut OpenCall, StepError> {
        self.calls.get_mut(&call).ok_or(StepError::NotOpen(call))
    }

    fn reserve(
        &mut self,
        mut facts: CallFacts,
        amount: Nanos,
        floor: Nanos,
        now_ms: u64,
    ) -> Result<Output, StepError> {
        let call = CallPart::of(&facts);
        if self.calls.contains_key(&call) {
            return Err(StepError::Reserved(call));
        }
        let mut short = Vec::new();
        let mut reserved = amount;
        for scope in &facts.scopes {
            let purse = self.purses.entry(scope.account_id).or_default();
            match purse.most(now_ms) {
                Some(most) if most >= floor => reserved = reserved.min(most),
                Some(_) | None => {
                    short.push(Shortage { account_id: scope.account_id, rate: purse.rate(now_ms) });
                }
            }
        }
        if !short.is_empty() {
            return Ok(Output { records: Vec::new(), reply: Reply::Short(short) });
        }
        for scope in &mut facts.scopes {
            if let Some(purse) = self.purses.get_mut(&scope.account_id) {
                scope.lease_id = purse.reserve(reserved, now_ms);
            }
        }
        facts.reserved = reserved;
        self.calls.insert(call, OpenCall::new(facts.clone()));
        Ok(Output { records: vec![Record::Reserve(Box::new(facts))], reply: Reply::Reserved(reserved) })
    }

    fn granted(&mut self, grant: Grant, asked_ms: u64) {
        match grant {
            Grant::Leased { account_id, lease_id, amount, usable_ms } => {
                let purse = self.purses.entry(account_id).or_default();
                purse.add(lease_id, amount, asked_ms.saturating_add(usable_ms), asked_ms);
            }
            Grant::Unlimited { account_id, usable_ms } => {
                self.purses
                    .entry(account_id)
                    .or_default()
                    .unlimited_until(asked_ms.saturating_add(usable_ms));
            }
        }
    }

    fn void(&mut self, call: CallPart) -> Result<Output, StepError> {
        if self.open(call)?.may_be_billed() {
            return Err(StepError::MayBeBilled(call));
        }
        if let Some(open) = self.calls.remove(&call) {
            self.settle_scopes(&open.facts, Nanos::ZERO);
        }
        Ok(done(vec![Record::Void { call }]))
    }

    fn settle_scopes(&mut self, facts: &CallFacts, amount: Nanos) {
        for Scope { account_id, lease_id } in &facts.scopes {
            if let Some((purse, lease_id)) = self.purses.get_mut(account_id).zip(*lease_id) {
                purse.settle(lease_id, facts.reserved, amount);
            }
        }
    }

    fn recall(&mut self, accounts: &[AccountId]) -> Vec<Record> {
        let mut records = Vec::new();
        for (account_id, purse) in &mut self.purses {
            if accounts.is_empty() || accounts.contains(account_id) {
                purse.unlimited_until(0);
                purse.give_back(*account_id, &mut records, |_| true);
            }
        }
        records
    }

    fn tick(&mut self, now_ms: u64) -> Vec<Record> {
        let mut records = Vec::new();
        for (account_id, purse) in &mut self.purses {
            purse.give_back(*account_id, &mut records, |lease| lease.is_idle(now_ms));
        }
        self.purses.retain(|_, purse| purse.is_needed(now_ms));
        records
    }
}

fn done(records: Vec<Record>) -> Output {
    Output { records, reply: Reply::Done }
}
