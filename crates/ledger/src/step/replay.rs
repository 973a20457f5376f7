//! What a node does about the calls of a process that died.

use std::collections::HashMap;

use domain::{
    AccountId, Nanos, TimeStamp,
    account::{CallFacts, Scope},
};

use super::{NodeState, call::OpenCall, purse::Purse};
use crate::{
    mutant::{self, Mutant},
    record::{CallPart, Record},
};

/// The calls that a journal leaves open, and the quota that it leaves unspent, gathered record by record.
#[derive(Debug, Default)]
pub struct Replay {
    calls: HashMap<CallPart, (OpenCall, BootId)>,
    boot_id: BootId,
    /// Leases that were granted under that boot.
    held: NodeState,
}

/// Empty where the record that says it is not there any more.
type BootId = String;

impl Replay {
    /// Takes in the next record.
    pub fn take(&mut self, record: Record) {
        match record {
            Record::Started { boot_id, .. } => self.started(boot_id),
            Record::Reserve(facts) => {
                // One that is open already is only said again: what is known of it stays known.
                let call = CallPart::of(&facts);
                if !self.calls.contains_key(&call) {
                    self.set_aside(&facts.scopes, facts.reserved);
                    self.calls.insert(call, (OpenCall::new(*facts), self.boot_id.clone()));
                }
            }
            Record::Sent { call, attempt } => {
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.sent(attempt);
                }
            }
            Record::AttemptEnded { call, attempt, outcome } => {
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.end_attempt(attempt, outcome);
                }
            }
            Record::Progress { call, output_tokens } => {
                if let Some((open, _)) = self.calls.get_mut(&call)
                    && !mutant::is(Mutant::ProgressForgotten)
                {
                    open.output_tokens = output_tokens;
                }
            }
            Record::Extend { call, extension } => {
                self.set_aside(&extension.scopes, extension.amount);
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.extend(extension);
                }
            }
            Record::Settle(settlement) => {
                self.calls.remove(&CallPart::of(&settlement.facts));
                self.let_go(&settlement.facts, settlement.amount);
            }
            Record::Void { call } => {
                if let Some((open, _)) = self.calls.remove(&call) {
                    self.let_go(&open.facts, Nanos::ZERO);
                }
            }
            Record::Granted { account_id, lease, until_ms } => self.held.lend(account_id, lease, until_ms, 0),
            Record::Release { account_id, lease_id, amount } => {
                self.given_back(account_id, |purse| purse.was_released(lease_id, amount));
            }
            Record::Close { account_id, lease_id } => {
                self.given_back(account_id, |purse| purse.was_closed(lease_id));
            }
        }
    }

    fn set_aside(&mut self, scopes: &[Scope], amount: Nanos) {
        for Scope { account_id, lease_id } in scopes {
            if let Some((purse, lease_id)) = self.held.purses.get_mut(account_id).zip(*lease_id) {
                purse.was_reserved(lease_id, amount);
            }
        }
    }

    fn let_go(&mut self, facts: &CallFacts, amount: Nanos) {
        let spent = if mutant::is(Mutant::SpentForgotten) { Nanos::ZERO } else { amount };
        self.held.let_go(facts, spent);
    }

    fn given_back(&mut self, account_id: AccountId, how: impl FnOnce(&mut Purse)) {
        if let Some(purse) = self.held.purses.get_mut(&account_id) {
            how(purse);
        }
    }

    /// A process ends what another one left open before it says that it has started. What is open here is therefore
    /// its own: it says so again when the file goes that said so first.
    fn started(&mut self, boot_id: BootId) {
        for (_, began_under) in self.calls.values_mut().filter(|(_, boot_id)| boot_id.is_empty()) {
            began_under.clone_from(&boot_id);
        }
        if !self.boot_id.is_empty() && self.boot_id != boot_id {
            // Another boot's clock tells nothing, and what was written last of it may be lost.
            self.held = NodeState::default();
        }
        self.boot_id = boot_id;
    }

    /// How every open call ends. One that sent nothing, or that was provably billed nowhere, is voided, but only under
    /// the same boot of the kernel: after a power loss a `Sent` may be what was lost. Everything else is in doubt,
    /// and is settled.
    pub fn endings(&mut self, boot_id: &str, now: TimeStamp) -> Vec<Record> {
        let mut open: Vec<_> = self.calls.drain().collect();
        open.sort_by_key(|(call, _)| *call);
        open.into_iter()
            .map(|(call, (open, began_under))| {
                let same_boot = began_under == boot_id || mutant::is(Mutant::BootIgnored);
                if (same_boot && !open.may_be_billed()) || mutant::is(Mutant::DoubtVoided) {
                    self.let_go(&open.facts, Nanos::ZERO);
                    Record::Void { call }
                } else {
                    let settlement = open.in_doubt(now);
                    self.let_go(&settlement.facts, settlement.amount);
                    Record::Settle(Box::new(settlement))
                }
            })
            .collect()
    }

    /// What the journal's process may go on spending once those calls have ended, for one that takes its place before it
    /// can ask the ledger: nothing, after another boot.
    pub fn left(mut self, boot_id: &str, now_ms: u64) -> NodeState {
        if self.boot_id != boot_id {
            return NodeState::default();
        }
        self.held.purses.values_mut().for_each(|purse| purse.goes_on(now_ms));
        self.held.purses.retain(|_, purse| purse.is_needed(now_ms));
        self.held
    }
}
