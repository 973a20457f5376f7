//! The node's side of the ledger as a pure step: what it holds, what comes in, what must be written and answered.
//!
//! No clock, no disk, no network: times are handed in (milliseconds that also count while the machine sleeps), and
//! records come out in the order in which they must be in the journal.

mod call;
mod hold;
mod input;
mod purse;
mod repeat;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use domain::{AccountId, LeaseId, Nanos, account::AttemptOutcome};

use self::{call::OpenCall, purse::Purse};
pub use self::{
    input::{Grant, Input, Output, Reply, Shortage, StepError},
    replay::Replay,
};
use crate::{
    mutant::{self, Mutant},
    record::{CallPart, Record},
};

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
                Ok(done(grants.into_iter().map(|grant| self.granted(grant, asked_ms)).collect()))
            }
            Input::Sent { call, attempt } => {
                self.open(call)?.sent(attempt.clone());
                Ok(done(vec![Record::Sent { call, attempt }]))
            }
            Input::AttemptEnded { call, attempt, outcome } => {
                self.open(call)?.end_attempt(attempt, outcome);
                // What was billed is said by the settlement that follows; were there none, the call would be in doubt
                // with this record as without it.
                let says_more = outcome != AttemptOutcome::Billed;
                let records = says_more.then_some(Record::AttemptEnded { call, attempt, outcome });
                Ok(done(records.into_iter().collect()))
            }
            Input::Progress { call, output_tokens } => {
                self.open(call)?.output_tokens = output_tokens;
                Ok(done(vec![Record::Progress { call, output_tokens }]))
            }
            Input::Extend { call, amount, floor, now_ms } => self.extend(call, amount, floor, now_ms),
            Input::Settle { call, usage, amount, flags, ended_at } => {
                let open = self.calls.remove(&call).ok_or(StepError::NotOpen(call))?;
                self.let_go(&open.facts, amount);
                if mutant::is(Mutant::SettleUnwritten) {
                    return Ok(done(Vec::new()));
                }
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

    /// The account that pays for a call; `None` where the call is not open, or nobody pays.
    pub(crate) fn payer(&self, call: CallPart) -> Option<AccountId> {
        self.calls.get(&call).and_then(|open| open.facts.scopes.first()).map(|scope| scope.account_id)
    }

    /// Whether a lease on which the call holds quota has run out. What it holds stands all the same, and settles; but a
    /// ledger that does not hear of this node may give the lease to others.
    pub(crate) fn has_outlived_a_lease(&self, call: CallPart, now_ms: u64) -> bool {
        let Some(open) = self.calls.get(&call) else { return false };
        let extended = open.facts.extensions.iter().flat_map(|extension| &extension.scopes);
        open.facts.scopes.iter().chain(extended).any(|scope| {
            let purse = self.purses.get(&scope.account_id);
            purse.zip(scope.lease_id).is_some_and(|(purse, lease_id)| purse.has_expired(lease_id, now_ms))
        })
    }

    fn open(&mut self, call: CallPart) -> Result<&mut OpenCall, StepError> {
        self.calls.get_mut(&call).ok_or(StepError::NotOpen(call))
    }

    fn granted(&mut self, grant: Grant, asked_ms: u64) -> Record {
        let (account_id, lease, usable_ms) = match grant {
            Grant::Leased { account_id, lease_id, amount, usable_ms } => {
                (account_id, Some((lease_id, amount)), usable_ms)
            }
            Grant::Unlimited { account_id, usable_ms } => (account_id, None, usable_ms),
        };
        let until_ms = asked_ms.saturating_add(usable_ms);
        self.lend(account_id, lease, until_ms, asked_ms);
        Record::Granted { account_id, lease, until_ms }
    }

    fn lend(&mut self, account_id: AccountId, lease: Option<(LeaseId, Nanos)>, until_ms: u64, now_ms: u64) {
        let purse = self.purses.entry(account_id).or_default();
        match lease {
            Some((lease_id, amount)) => purse.add(lease_id, amount, until_ms, now_ms),
            None => purse.unlimited_until(until_ms),
        }
    }

    /// Whether there is quota that no call needs.
    pub(crate) fn has_idle(&self, now_ms: u64) -> bool {
        self.purses.values().any(|purse| purse.has_idle(now_ms))
    }

    /// Whether it may still be spent or given back here.
    pub fn holds(&self, account_id: AccountId, lease_id: LeaseId) -> bool {
        self.purses.get(&account_id).is_some_and(|purse| purse.holds(lease_id))
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
            let patience_ms = purse.patience_ms();
            purse.give_back(*account_id, &mut records, |lease| lease.is_idle(now_ms, patience_ms));
        }
        self.purses.retain(|_, purse| purse.is_needed(now_ms));
        records
    }
}

fn done(records: Vec<Record>) -> Output {
    Output { records, reply: Reply::Done }
}
