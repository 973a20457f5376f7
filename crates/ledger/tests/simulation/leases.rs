//! What each lease holds, by the records of its node: the purses once more, written from the protocol instead of from
//! the code.

use std::collections::BTreeMap;

use domain::{LeaseId, account::Scope};
use ledger::{
    record::{CallPart, Record},
    step::Grant,
};

use super::{
    rule::{Checked, Rule, holds},
    shadow::spread,
    world::World,
};

/// A lease as its node should see it.
#[derive(Clone, Debug)]
struct Lent {
    /// What was granted less what was given back.
    amount: u64,
    settled: u64,
    /// What open calls hold on it.
    held: BTreeMap<CallPart, u64>,
    /// Until when, by its node's clock, it may be spent.
    until_ms: u64,
}

/// Every lease that was not given back.
#[derive(Clone, Default)]
pub(crate) struct Leases(BTreeMap<LeaseId, Lent>);

impl Leases {
    pub(crate) fn granted(&mut self, grants: &[Grant], asked_ms: u64) {
        for grant in grants {
            if let Grant::Leased { lease_id, amount, usable_ms, .. } = grant {
                let (amount, until_ms) = (amount.get(), asked_ms + usable_ms);
                self.0.insert(*lease_id, Lent { amount, settled: 0, held: BTreeMap::new(), until_ms });
            }
        }
    }

    /// Follows what a node has written.
    pub(crate) fn written(&mut self, record: &Record) {
        match record {
            Record::Reserve(facts) => {
                self.hold(CallPart::of(facts), &facts.scopes, facts.reserved.get());
            }
            Record::Extend { call, extension } => {
                self.hold(*call, &extension.scopes, extension.amount.get());
            }
            Record::Settle(settlement) => {
                self.let_go(CallPart::of(&settlement.facts));
                for scope in 0..settlement.facts.scopes.len() {
                    for (lease_id, charged, _) in spread(settlement, scope) {
                        if let Some(lent) = lease_id.and_then(|id| self.0.get_mut(&id)) {
                            lent.settled = lent.amount.min(lent.settled + charged);
                        }
                    }
                }
            }
            Record::Void { call } => self.let_go(*call),
            Record::Release { lease_id, amount, .. } => {
                if let Some(lent) = self.0.get_mut(lease_id) {
                    lent.amount = lent.amount.saturating_sub(amount.get());
                }
            }
            Record::Close { lease_id, .. } => {
                self.0.remove(lease_id);
            }
            _ => {}
        }
    }

    fn hold(&mut self, call: CallPart, scopes: &[Scope], amount: u64) {
        for lease_id in scopes.iter().filter_map(|scope| scope.lease_id) {
            if let Some(lent) = self.0.get_mut(&lease_id) {
                *lent.held.entry(call).or_default() += amount;
            }
        }
    }

    fn let_go(&mut self, call: CallPart) {
        for lent in self.0.values_mut() {
            lent.held.remove(&call);
        }
    }

    /// Whether it may be spent, and holds all that calls hold on it.
    fn covers(&self, lease_id: LeaseId, now_ms: u64) -> bool {
        self.0.get(&lease_id).is_some_and(|lent| {
            now_ms < lent.until_ms && lent.settled + lent.held.values().sum::<u64>() <= lent.amount
        })
    }
}

impl World<'_> {
    /// I2 at the node: what was just reserved draws on leases that may be spent and have room for it, or on accounts
    /// without a limit.
    pub(crate) fn is_covered(&mut self, k: usize) -> Checked {
        let (now_ms, last) = (self.nodes[k].boot_ms, self.nodes[k].disk.seq());
        let Some(framed) = self.nodes[k].disk.framed(last, last).pop() else { return Ok(()) };
        let scopes = match Record::decode(&framed.payload)? {
            Record::Reserve(facts) => facts.scopes,
            Record::Extend { extension, .. } => extension.scopes,
            _ => return Ok(()),
        };
        for scope in &scopes {
            let covered = match scope.lease_id {
                Some(lease_id) => self.lent.covers(lease_id, now_ms),
                None => self.shadow.book(scope.account_id)?.further.is_none(),
            };
            holds(Rule::Overspent, covered, || {
                let lent = scope.lease_id.and_then(|lease_id| self.lent.0.get(&lease_id));
                format!("node {k} reserves on {scope:?} at {now_ms} ms, of {lent:?}")
            })?;
        }
        Ok(())
    }
}
