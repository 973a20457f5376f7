//! Setting quota aside on every account of a call, or on none.

use domain::{
    Nanos,
    account::{CallFacts, EXTENSIONS_MAX, Extension, Scope},
};

use super::{NodeState, Output, Reply, Shortage, StepError, call::OpenCall, done};
use crate::{
    mutant::{self, Mutant},
    record::{CallPart, Record},
};

impl NodeState {
    pub(super) fn reserve(
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
        match self.hold(&mut facts.scopes, amount, floor, now_ms) {
            Ok(reserved) => {
                facts.reserved = reserved;
                self.calls.insert(call, OpenCall::new(facts.clone()));
                let mut records = vec![Record::Reserve(Box::new(facts))];
                records.retain(|_| !mutant::is(Mutant::ReserveUnwritten));
                Ok(Output { records, reply: Reply::Reserved(reserved) })
            }
            Err(short) => Ok(Output { records: Vec::new(), reply: Reply::Short(short) }),
        }
    }

    /// An extension may be drawn on other leases than what it extends: each is charged what was set aside on it.
    pub(super) fn extend(
        &mut self,
        call: CallPart,
        amount: Nanos,
        floor: Nanos,
        now_ms: u64,
    ) -> Result<Output, StepError> {
        let facts = &self.open(call)?.facts;
        if facts.extensions.len() >= EXTENSIONS_MAX {
            return Err(StepError::Extended(call));
        }
        let unleased = |scope: &Scope| Scope { account_id: scope.account_id, lease_id: None };
        let mut scopes: Vec<Scope> = facts.scopes.iter().map(unleased).collect();
        match self.hold(&mut scopes, amount, floor, now_ms) {
            Ok(amount) => {
                let extension = Extension { amount, scopes };
                self.open(call)?.extend(extension.clone());
                let mut records = vec![Record::Extend { call, extension }];
                records.retain(|_| !mutant::is(Mutant::ExtendUnwritten));
                Ok(Output { records, reply: Reply::Reserved(amount) })
            }
            Err(short) => Ok(Output { records: Vec::new(), reply: Reply::Short(short) }),
        }
    }

    /// Takes back the last extension, which could not be written down.
    pub(crate) fn retract(&mut self, call: CallPart) {
        let Some(extension) = self.calls.get_mut(&call).and_then(OpenCall::retract) else { return };
        for Scope { account_id, lease_id } in extension.scopes {
            if let Some((purse, lease_id)) = self.purses.get_mut(&account_id).zip(lease_id) {
                purse.settle(lease_id, extension.amount, Nanos::ZERO);
            }
        }
    }

    /// The same amount on every account: the most that all of them have room for, at least `floor`. Where one has
    /// less, nothing is held, and every account that is short is named.
    fn hold(
        &mut self,
        scopes: &mut [Scope],
        amount: Nanos,
        floor: Nanos,
        now_ms: u64,
    ) -> Result<Nanos, Vec<Shortage>> {
        let mut short = Vec::new();
        let mut held = amount;
        for scope in scopes.iter() {
            let purse = self.purses.entry(scope.account_id).or_default();
            match purse.most(now_ms) {
                Some(most) if most >= floor => held = held.min(most),
                Some(_) | None => {
                    short.push(Shortage { account_id: scope.account_id, rate: purse.rate(now_ms) });
                }
            }
        }
        if !short.is_empty() {
            return Err(short);
        }
        for scope in scopes {
            if let Some(purse) = self.purses.get_mut(&scope.account_id) {
                scope.lease_id = purse.reserve(held, now_ms);
            }
        }
        Ok(held)
    }

    pub(super) fn void(&mut self, call: CallPart) -> Result<Output, StepError> {
        if self.open(call)?.may_be_billed() {
            return Err(StepError::MayBeBilled(call));
        }
        if let Some(open) = self.calls.remove(&call) {
            self.let_go(&open.facts, Nanos::ZERO);
        }
        Ok(done(vec![Record::Void { call }]))
    }

    /// What was held for a call that cost `amount` becomes what each lease is charged of it; the rest is room again.
    pub(super) fn let_go(&mut self, facts: &CallFacts, amount: Nanos) {
        for scope in &facts.scopes {
            let Some(purse) = self.purses.get_mut(&scope.account_id) else { continue };
            for portion in facts.portions(scope, amount) {
                if let Some(lease_id) = portion.lease_id {
                    purse.settle(lease_id, portion.reserved, portion.charged);
                }
            }
        }
    }
}
