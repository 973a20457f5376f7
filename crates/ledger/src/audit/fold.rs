//! The ledger log folded, and compared with what the tables say.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::{
    AccountId, Aggregate, CallId, JournalId, LeaseId,
    account::{Account, AccountEvent, Adjustment, Deduction, Flag, Lease, Limit},
};
use eventlog::{Recorded, StoreError};

use super::Broken;
use crate::accounts::{OpenLease, account_event};

/// The ledger log, folded.
#[derive(Default)]
pub(super) struct Fold {
    accounts: HashMap<AccountId, Account>,
    /// What flagged charges may overdraw each account by.
    explained: HashMap<AccountId, u128>,
    pub(super) ended: HashSet<(CallId, u32)>,
    charged: BTreeMap<JournalId, u64>,
    pub(super) in_doubt: u64,
    pub(super) broken: Vec<Broken>,
}

impl Fold {
    pub(super) fn event(&mut self, recorded: &Recorded) -> Result<(), StoreError> {
        let Some((id, event)) = account_event(recorded)? else { return Ok(()) };
        if let AccountEvent::QuotaDeducted(deduction) = &event {
            self.deduction(recorded.position, deduction);
        }
        self.explain(id, &event);
        for account_id in event.touched(id).collect::<BTreeSet<_>>() {
            self.accounts.entry(account_id).or_default().evolve(&event);
        }
        Ok(())
    }

    fn deduction(&mut self, position: u64, deduction: &Deduction) {
        let (call_id, part) = (deduction.call_id, deduction.part);
        if !self.ended.insert((call_id, part)) {
            self.broken.push(Broken::EndedTwice { call_id, part, position });
        }
        let last = self.charged.entry(deduction.journal_id).or_default();
        *last = deduction.seq.max(*last);
        let bill = deduction.pinned.bill(&deduction.usage, deduction.service_tier.as_deref());
        let has = |flag| deduction.flags.contains(&flag);
        self.in_doubt += u64::from(has(Flag::InDoubt));
        let billed = match () {
            () if has(Flag::InDoubt) => bill.min(deduction.reserved_nanos),
            () if has(Flag::Unanswered) => domain::Nanos::ZERO,
            () => bill,
        };
        if billed != deduction.amount_nanos {
            let (charged, billed) = (deduction.amount_nanos.get(), billed.get());
            self.broken.push(Broken::Bill { position, charged, billed });
        }
    }

    /// What may bring an account below its limit: charges beyond their leases, and what is said from outside.
    fn explain(&mut self, id: AccountId, event: &AccountEvent) {
        let mut explain = |id, nanos: u64| *self.explained.entry(id).or_default() += u128::from(nanos);
        match event {
            AccountEvent::QuotaDeducted(deduction) => {
                for charge in &deduction.charges {
                    explain(charge.account_id, charge.amount_nanos.minus(charge.freed_nanos).get());
                }
            }
            AccountEvent::UsageReconciled(reconciliation) => {
                for correction in &reconciliation.corrections {
                    explain(correction.account_id, correction.posted_nanos.get());
                }
            }
            AccountEvent::Adjusted { adjustment: Adjustment::Chargeback, amount_nanos, .. } => {
                explain(id, amount_nanos.get());
            }
            AccountEvent::LimitChanged { .. } => {
                let limit = self.accounts.get(&id).map(|account| account.limit);
                if let Some(Limit::CreditNanos(nanos)) = limit {
                    explain(id, nanos.get());
                }
            }
            _ => {}
        }
    }

    pub(super) fn compare(&self, stored: &HashMap<AccountId, Account>, broken: &mut Vec<Broken>) {
        let ids: BTreeSet<&AccountId> = stored.keys().chain(self.accounts.keys()).collect();
        for id in ids {
            let folded = self.accounts.get(id).cloned().unwrap_or_default();
            if stored.get(id) != Some(&folded) {
                let stored = stored.get(id).map_or_else(|| "missing".to_owned(), sums);
                broken.push(Broken::Balance { account_id: *id, stored, folded: sums(&folded) });
            }
            let leased = folded.leases.values().map(|lease| lease.unsettled().get()).sum();
            if folded.pending_nanos != leased {
                broken.push(Broken::Pending { account_id: *id, pending: folded.pending_nanos, leased });
            }
            self.overdrawn(*id, &folded, broken);
        }
    }

    fn overdrawn(&self, account_id: AccountId, account: &Account, broken: &mut Vec<Broken>) {
        let further = match account.limit {
            Limit::Unlimited => return,
            Limit::Prepaid => 0,
            Limit::CreditNanos(nanos) => i128::from(nanos.get()),
        };
        let room = i128::from(account.available_nanos()) + further;
        let explained = self.explained.get(&account_id).copied().unwrap_or(0);
        if room < 0 && room.unsigned_abs() > explained {
            broken.push(Broken::Overdrawn { account_id, overdrawn: room.unsigned_abs(), explained });
        }
    }

    pub(super) fn leases(&self, stored: &BTreeSet<OpenLease>, broken: &mut Vec<Broken>) {
        let open = |(account_id, account): (&AccountId, &Account)| {
            let account_id = *account_id;
            let lease = move |(id, lease): (&LeaseId, &Lease)| (*id, account_id, lease.journal_id);
            account.leases.iter().map(lease).collect::<Vec<_>>()
        };
        let folded: BTreeSet<OpenLease> = self.accounts.iter().flat_map(open).collect();
        let differing: BTreeSet<_> =
            folded.symmetric_difference(stored).map(|(lease, account, _)| (*lease, *account)).collect();
        broken.extend(
            differing.into_iter().map(|(lease_id, account_id)| Broken::Lease { account_id, lease_id }),
        );
    }

    /// A hold is open exactly as long as its leases are.
    pub(super) fn holds(&self, stored: &BTreeSet<LeaseId>, broken: &mut Vec<Broken>) {
        let leases = self.accounts.values().flat_map(|account| &account.leases);
        let held = leases.filter(|(_, lease)| lease.journal_id == JournalId::HOLDS);
        let folded: BTreeSet<LeaseId> = held.map(|(id, _)| *id).collect();
        let differing = folded.symmetric_difference(stored);
        broken.extend(differing.map(|lease_id| Broken::Hold { lease_id: *lease_id }));
    }

    pub(super) fn cursors(&self, stored: &HashMap<JournalId, u64>, broken: &mut Vec<Broken>) {
        for (journal_id, seq) in &self.charged {
            let cursor = stored.get(journal_id).copied().unwrap_or(0);
            if cursor < *seq {
                broken.push(Broken::Cursor { journal_id: *journal_id, cursor, seq: *seq });
            }
        }
    }
}

fn sums(account: &Account) -> String {
    format!(
        "credit {} debit {} posted {} refunded {} pending {} in {} leases",
        account.credit_nanos,
        account.debit_nanos,
        account.posted_nanos,
        account.refunded_nanos,
        account.pending_nanos,
        account.leases.len()
    )
}
