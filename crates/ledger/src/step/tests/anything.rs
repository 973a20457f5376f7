//! Any inputs in any order, held against what must always be true.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AccountId, LeaseId,
    account::{CallFacts, CallPart, Scope},
};
use proptest::prelude::*;

use super::{super::purse::Purse, *};
use crate::fixtures::LIMIT;

/// One input, before it is known what is open.
#[derive(Clone, Debug)]
enum Move {
    Reserve { accounts: Vec<AccountId>, amount: u64, floor: u64 },
    Grant { account_id: AccountId, amount: u64, unlimited: bool },
    Extend { nth: usize, amount: u64, floor: u64 },
    Retract { nth: usize },
    Send { nth: usize },
    EndAttempt { nth: usize, outcome: AttemptOutcome },
    Settle { nth: usize, amount: u64 },
    Void { nth: usize },
    Recall { accounts: Vec<AccountId> },
    Wait { ms: u64 },
    Tick,
}

fn accounts() -> impl Strategy<Value = Vec<AccountId>> {
    prop_oneof![Just(vec![PAYER]), Just(vec![LIMIT]), Just(vec![PAYER, LIMIT])]
}

fn moves() -> impl Strategy<Value = Move> {
    let nth = 0..8_usize;
    let outcome = prop_oneof![Just(AttemptOutcome::Unbilled), Just(AttemptOutcome::Unknown)];
    prop_oneof![
        6 => (accounts(), 0..120_u64, 0..120_u64)
            .prop_map(|(accounts, a, b)| Move::Reserve { accounts, amount: a.max(b), floor: a.min(b) }),
        4 => (accounts(), 0..200_u64, prop::bool::weighted(0.1)).prop_map(|(accounts, amount, unlimited)| {
            Move::Grant { account_id: accounts[0], amount, unlimited }
        }),
        3 => (nth.clone(), 0..80_u64, 0..80_u64)
            .prop_map(|(nth, a, b)| Move::Extend { nth, amount: a.max(b), floor: a.min(b) }),
        1 => nth.clone().prop_map(|nth| Move::Retract { nth }),
        2 => nth.clone().prop_map(|nth| Move::Send { nth }),
        2 => (nth.clone(), outcome).prop_map(|(nth, outcome)| Move::EndAttempt { nth, outcome }),
        3 => (nth.clone(), 0..300_u64).prop_map(|(nth, amount)| Move::Settle { nth, amount }),
        2 => nth.prop_map(|nth| Move::Void { nth }),
        1 => prop_oneof![Just(Vec::new()), accounts()].prop_map(|accounts| Move::Recall { accounts }),
        2 => prop_oneof![0..3_000_u64, 40_000..60_000_u64].prop_map(|ms| Move::Wait { ms }),
        2 => Just(Move::Tick),
    ]
}

/// A node, and what its records say so far.
#[derive(Default)]
struct World {
    state: NodeState,
    now_ms: u64,
    calls: u128,
    leases: u128,
    /// What was granted, and what of it was given back or charged, for each lease that is not closed.
    open: BTreeMap<LeaseId, u64>,
    closed: BTreeSet<LeaseId>,
    expires: BTreeMap<LeaseId, u64>,
}

impl World {
    fn nth(&self, nth: usize) -> Option<CallPart> {
        let calls: BTreeSet<CallPart> = self.state.calls.keys().copied().collect();
        calls.into_iter().nth(nth)
    }

    fn input(&mut self, what: Move) -> Option<Input> {
        let now_ms = self.now_ms;
        Some(match what {
            Move::Reserve { accounts, amount, floor } => {
                self.calls += 1;
                let scopes = accounts.iter().map(|id| Scope { account_id: *id, lease_id: None }).collect();
                let facts = Box::new(CallFacts { scopes, ..facts(self.calls, 0) });
                Input::Reserve { facts, amount: nanos(amount), floor: nanos(floor), now_ms }
            }
            Move::Grant { account_id, unlimited: true, .. } => {
                let grants = vec![Grant::Unlimited { account_id, usable_ms: 20_000 }];
                Input::Granted { grants, asked_ms: now_ms }
            }
            Move::Grant { account_id, amount, .. } => {
                self.leases += 1;
                let lease_id = lease(self.leases);
                self.open.insert(lease_id, amount);
                self.expires.insert(lease_id, now_ms + 50_000);
                let grant = Grant::Leased { account_id, lease_id, amount: nanos(amount), usable_ms: 50_000 };
                Input::Granted { grants: vec![grant], asked_ms: now_ms }
            }
            Move::Extend { nth, amount, floor } => {
                Input::Extend { call: self.nth(nth)?, amount: nanos(amount), floor: nanos(floor), now_ms }
            }
            Move::Retract { nth } => {
                self.state.retract(self.nth(nth)?);
                return None;
            }
            Move::Send { nth } => {
                let call = self.nth(nth)?;
                let number = u32::try_from(self.state.calls[&call].attempts.len()).unwrap() + 1;
                Input::Sent { call, attempt: attempt(number, AttemptOutcome::Unknown) }
            }
            Move::EndAttempt { nth, outcome } => {
                let call = self.nth(nth)?;
                let attempt = self.state.calls[&call].attempts.last()?.attempt;
                Input::AttemptEnded { call, attempt, outcome }
            }
            Move::Settle { nth, amount } => Input::Settle {
                call: self.nth(nth)?,
                usage: Box::default(),
                amount: nanos(amount),
                flags: Vec::new(),
                ended_at: TimeStamp::default(),
            },
            Move::Void { nth } => Input::Void { call: self.nth(nth)? },
            Move::Recall { accounts } => Input::Recall { accounts },
            Move::Wait { ms } => {
                self.now_ms += ms;
                return None;
            }
            Move::Tick => Input::Tick { now_ms },
        })
    }

    fn go(&mut self, what: Move) {
        let Some(input) = self.input(what) else { return self.check() };
        let said = format!("{input:?}");
        let before = format!("{:?}", self.state);
        match self.state.step(input) {
            Err(error) => assert_eq!(before, format!("{:?}", self.state), "{error} changed something"),
            Ok(output) => {
                if let Reply::Short(short) = &output.reply {
                    assert!(output.records.is_empty() && !short.is_empty(), "{said}");
                }
                output.records.iter().for_each(|record| self.record(record));
            }
        }
        self.check();
    }

    /// What the ledger would make of a record: nothing may come for a lease after its close.
    fn record(&mut self, record: &Record) {
        let facts = match record {
            Record::Reserve(facts) => facts,
            Record::Settle(settlement) => &settlement.facts,
            Record::Extend { extension, .. } => return self.are_usable(&extension.scopes),
            Record::Release { lease_id, amount, .. } => {
                let left = self.open.get_mut(lease_id).expect("a release of a lease that is not open");
                *left = left.checked_sub(amount.get()).expect("more was given back than there was");
                return;
            }
            Record::Close { lease_id, .. } => {
                assert!(self.open.remove(lease_id).is_some(), "a lease was closed twice");
                self.closed.insert(*lease_id);
                return;
            }
            _ => return,
        };
        match record {
            Record::Settle(settlement) => {
                for scope in &facts.scopes {
                    for portion in facts.portions(scope, settlement.amount) {
                        let Some(lease_id) = portion.lease_id else { continue };
                        let left = self.open.get_mut(&lease_id).expect("a close overtook a settle");
                        *left = left.saturating_sub(portion.charged.get());
                    }
                }
            }
            _ => self.are_usable(&facts.scopes),
        }
    }

    fn are_usable(&self, scopes: &[Scope]) {
        for lease_id in scopes.iter().filter_map(|scope| scope.lease_id) {
            assert!(self.now_ms < self.expires[&lease_id], "an expired lease was drawn on");
        }
    }

    /// What is held on each lease is what the open calls hold on it, and no lease is overdrawn by that.
    fn check(&self) {
        let mut held: BTreeMap<LeaseId, u64> = BTreeMap::new();
        for open in self.state.calls.values() {
            let mut reserved: BTreeMap<AccountId, u64> = BTreeMap::new();
            for scope in &open.facts.scopes {
                for portion in open.facts.portions(scope, Nanos::ZERO) {
                    *reserved.entry(scope.account_id).or_default() += portion.reserved.get();
                    if let Some(lease_id) = portion.lease_id {
                        *held.entry(lease_id).or_default() += portion.reserved.get();
                    }
                }
            }
            assert!(reserved.values().all(|sum| *sum == open.facts.reserved.get()), "{open:?}");
        }
        let mut known = BTreeSet::new();
        for lease in self.state.purses.values().flat_map(Purse::held) {
            let (lease_id, amount, settled, reserved) = lease;
            known.insert(lease_id);
            let own = held.remove(&lease_id).unwrap_or(0);
            assert_eq!(reserved.get(), own, "{lease_id} holds something else than its calls");
            assert!(settled.get() <= amount.get(), "{lease_id} is overdrawn");
            assert_eq!(
                amount.get() - settled.get(),
                self.open[&lease_id],
                "{lease_id} differs from its records"
            );
        }
        assert!(held.is_empty(), "calls hold quota of leases that are gone: {held:?}");
        assert!(self.open.keys().all(|lease_id| known.contains(lease_id)), "a lease was lost");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_the_books_of_a_node_are_right(what in prop::collection::vec(moves(), 1..120)) {
        let mut world = World::default();
        for what in what {
            world.go(what);
        }
    }
}
