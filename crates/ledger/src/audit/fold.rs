//! I1 and I2: the accounts folded from the `ledger` log, and compared with what the tables say.

use std::collections::{BTreeSet, HashMap};

use domain::{
    AccountId, Aggregate, JournalId, LeaseId,
    account::{Account, AccountEvent, Adjustment, Deduction, Lease, Limit},
};

use super::broken::{Broken, Findings};
use crate::accounts::OpenLease;

/// Every account, as its events make it.
#[derive(Default)]
pub(super) struct Fold {
    accounts: HashMap<AccountId, Account>,
    /// What may bring each below its limit: charges beyond their leases, and what is said from outside.
    explained: HashMap<AccountId, u128>,
}

impl Fold {
    pub(super) fn event(&mut self, id: AccountId, event: &AccountEvent) {
        self.draw(id, event);
        for account_id in event.touched(id).collect::<BTreeSet<_>>() {
            self.accounts.entry(account_id).or_default().evolve(event);
        }
    }

    fn draw(&mut self, id: AccountId, event: &AccountEvent) {
        match event {
            AccountEvent::QuotaDeducted(charge) => self.charge(charge),
            AccountEvent::UsageReconciled(reconciliation) => {
                for correction in &reconciliation.corrections {
                    self.explain(correction.account_id, correction.posted_nanos.get());
                }
            }
            AccountEvent::Adjusted { adjustment: Adjustment::Chargeback, amount_nanos, .. } => {
                self.explain(id, amount_nanos.get());
            }
            AccountEvent::LimitChanged { .. } => {
                if let Some(Limit::CreditNanos(nanos)) = self.accounts.get(&id).map(|account| account.limit) {
                    self.explain(id, nanos.get());
                }
            }
            _ => {}
        }
    }

    fn charge(&mut self, charge: &Deduction) {
        for charge in &charge.charges {
            let beyond = charge.amount_nanos.minus(charge.freed_nanos).get();
            self.explain(charge.account_id, beyond);
        }
    }

    fn explain(&mut self, id: AccountId, nanos: u64) {
        *self.explained.entry(id).or_default() += u128::from(nanos);
    }

    pub(super) fn compare(&self, stored: &HashMap<AccountId, Account>, findings: &mut Findings) {
        let ids: BTreeSet<&AccountId> = stored.keys().chain(self.accounts.keys()).collect();
        for id in ids {
            let folded = self.accounts.get(id).cloned().unwrap_or_default();
            if stored.get(id) != Some(&folded) {
                let stored = stored.get(id).map_or_else(|| "missing".to_owned(), sums);
                findings.push(Broken::Balance { account_id: *id, stored, folded: sums(&folded) });
            }
            let leased = folded.leases.values().map(|lease| lease.unsettled().get()).sum();
            if folded.pending_nanos != leased {
                findings.push(Broken::Pending { account_id: *id, pending: folded.pending_nanos, leased });
            }
            self.overdrawn(*id, &folded, findings);
        }
    }

    fn overdrawn(&self, account_id: AccountId, account: &Account, findings: &mut Findings) {
        let explained = self.explained.get(&account_id).copied().unwrap_or(0);
        let further = match account.limit {
            Limit::Unlimited => return,
            Limit::Prepaid => 0,
            Limit::CreditNanos(nanos) => i128::from(nanos.get()),
        };
        let room = i128::from(account.available_nanos()) + further;
        let overdrawn = room.unsigned_abs();
        if room < 0 && overdrawn > explained {
            findings.push(Broken::Overdrawn { account_id, overdrawn, explained });
        }
    }

    /// The list of open leases must be what the events leave open.
    pub(super) fn leases(&self, stored: &BTreeSet<OpenLease>, findings: &mut Findings) {
        let open = |(account_id, account): (&AccountId, &Account)| {
            let account_id = *account_id;
            let lease = move |(id, lease): (&LeaseId, &Lease)| (*id, account_id, lease.journal_id);
            account.leases.iter().map(lease).collect::<Vec<_>>()
        };
        let folded: BTreeSet<OpenLease> = self.accounts.iter().flat_map(open).collect();
        let differing: BTreeSet<_> =
            folded.symmetric_difference(stored).map(|(lease, account, _)| (*lease, *account)).collect();
        findings.extend(
            differing.into_iter().map(|(lease_id, account_id)| Broken::Lease { account_id, lease_id }),
        );
    }

    /// A hold is open exactly as long as its leases are.
    pub(super) fn holds(&self, stored: &BTreeSet<LeaseId>, findings: &mut Findings) {
        let leases = self.accounts.values().flat_map(|account| &account.leases);
        let held = leases.filter(|(_, lease)| lease.journal_id == JournalId::HOLDS);
        let folded: BTreeSet<LeaseId> = held.map(|(id, _)| *id).collect();
        let differing = folded.symmetric_difference(stored);
        findings.extend(differing.map(|lease_id| Broken::Hold { lease_id: *lease_id }));
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
