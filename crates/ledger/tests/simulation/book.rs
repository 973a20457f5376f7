//! One account in the simulation's own ledger.

use std::collections::BTreeMap;

use domain::{AccountId, JournalId, LeaseId, account::Account};
use ledger::{Ask, GrantError, ScopeAsk, step::Grant};

use super::{
    rule::{Checked, Rule, Violation, holds},
    shadow::Shadow,
};

/// An open lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) journal_id: JournalId,
    pub(crate) amount: u64,
    pub(crate) settled: u64,
}

/// An account, and what explains that it is overdrawn.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) open: bool,
    /// How far it may be drawn beyond what was paid in; `None` without end.
    pub(crate) further: Option<u64>,
    pub(crate) credit: u64,
    pub(crate) posted: u64,
    pub(crate) leases: BTreeMap<LeaseId, Held>,
    /// What was charged beyond what was reserved.
    pub(crate) overshot: u64,
    /// What was charged to leases that had ended.
    pub(crate) late: u64,
    /// What was charged to leases that had ended and were never reclaimed: their node gave them back too early.
    pub(crate) misplaced: u64,
    /// Per open lease, what was charged beyond what it held, and beyond what was reserved.
    pub(crate) beyond: BTreeMap<LeaseId, (u64, u64)>,
    /// What reclaimed leases held when they were reclaimed.
    pub(crate) reclaimed: BTreeMap<LeaseId, u64>,
}

impl Book {
    pub(crate) fn pending(&self) -> u64 {
        self.leases.values().map(|lease| lease.amount - lease.settled).sum()
    }

    /// What may be leased; negative where it is overdrawn, `None` without end.
    fn room(&self) -> Option<i128> {
        let drawn = i128::from(self.posted) + i128::from(self.pending());
        self.further.map(|further| i128::from(self.credit) + i128::from(further) - drawn)
    }

    pub(crate) fn charge(&mut self, lease_id: Option<LeaseId>, amount: u64, reserved: u64) {
        self.posted += amount;
        self.overshot += amount.saturating_sub(reserved);
        let Some(lease_id) = lease_id else { return };
        match self.leases.get_mut(&lease_id) {
            Some(lease) => {
                let freed = amount.min(lease.amount - lease.settled);
                lease.settled += freed;
                let (unheld, unreserved) = self.beyond.entry(lease_id).or_default();
                *unheld += amount - freed;
                *unreserved += amount.saturating_sub(reserved);
            }
            None if self.reclaimed.contains_key(&lease_id) => self.late += amount,
            None => self.misplaced += amount,
        }
    }

    pub(crate) fn reclaim(&mut self, lease_id: LeaseId) {
        if let Some(lease) = self.leases.remove(&lease_id) {
            self.reclaimed.insert(lease_id, lease.amount - lease.settled);
        }
    }

    pub(crate) fn check(&self, id: AccountId, account: &Account) -> Checked {
        let leases = account.leases.iter().map(|(lease_id, lease)| {
            let (amount, settled) = (lease.amount.get(), lease.settled.get());
            (*lease_id, Held { journal_id: lease.journal_id, amount, settled })
        });
        let same = self.leases == leases.collect()
            && (self.credit, self.posted) == (account.credit_nanos, account.posted_nanos)
            && self.pending() == account.pending_nanos
            && self.open == account.is_open();
        holds(Rule::Balances, same, || format!("{id} should be {self:?}, and is {account:?}"))?;
        let overdrawn = self.room().map_or(0, |room| -room);
        let explained = i128::from(self.overshot) + i128::from(self.late);
        holds(Rule::Overspent, overdrawn <= explained, || {
            format!("{id} is overdrawn by {overdrawn}, flagged charges explain {explained}")
        })?;
        holds(Rule::Overspent, self.misplaced == 0, || {
            format!("{id} was charged {} to leases that were given back before", self.misplaced)
        })?;
        let over = self.beyond.iter().find(|(_, (unheld, unreserved))| unheld > unreserved);
        holds(Rule::Overspent, over.is_none(), || format!("{id}: more was reserved than leased: {over:?}"))?;
        // Whatever was spent of a lease that was reclaimed, its node had reserved before.
        let most = self.reclaimed.values().sum::<u64>() + self.overshot;
        holds(Rule::Overspent, self.late <= most, || {
            format!("{id} was charged {} late, and no more than {most} was reclaimed", self.late)
        })
    }

    /// Whether it can give what is asked.
    fn gives(&self, ask: &ScopeAsk) -> bool {
        let most = self.room().map(|room| room > 0 && room >= i128::from(ask.floor.get()));
        self.open && most.unwrap_or(true)
    }

    fn granted(&mut self, journal_id: JournalId, ask: &ScopeAsk, grant: Grant) -> Checked {
        let as_asked = match grant {
            Grant::Unlimited { account_id, .. } => account_id == ask.account_id && self.further.is_none(),
            Grant::Leased { account_id, lease_id, amount, .. } => {
                let room = self.room().unwrap_or(0);
                let least = i128::from(ask.need.get()).min(room);
                let held = Held { journal_id, amount: amount.get(), settled: 0 };
                self.leases.insert(lease_id, held);
                (account_id, lease_id) == (ask.account_id, ask.lease_id)
                    && (least..=room).contains(&i128::from(amount.get()))
            }
        };
        holds(Rule::Overspent, as_asked, || format!("{ask:?} was granted {grant:?} by {self:?}"))
    }
}

impl Shadow {
    /// Holds a grant against what there is: on every account, or on none.
    pub(crate) fn grant(&mut self, ask: &Ask, answer: &Result<Vec<Grant>, GrantError>) -> Checked {
        let gives = |scope: &ScopeAsk| {
            let book = self.books.get(&scope.account_id);
            book.is_some_and(|book| book.gives(scope)) && !self.closed.contains(&scope.lease_id)
        };
        let (all, mut scopes) = (ask.scopes.iter().all(gives), ask.scopes.clone());
        match answer {
            Ok(grants) if all && grants.len() == scopes.len() => {
                scopes.sort_by_key(|scope| scope.account_id);
                scopes.iter().zip(grants).try_for_each(|(scope, grant)| {
                    self.book(scope.account_id)?.granted(ask.journal_id, scope, *grant)
                })
            }
            Err(GrantError::Refused { .. }) if !all => Ok(()),
            other => Err(Violation::new(Rule::Overspent, format!("{ask:?} was answered {other:?}"))),
        }
    }
}
