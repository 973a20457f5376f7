//! Accounts as of a position, for people and for programs.

use std::io::{self, Write};

use domain::{
    JournalId, LeaseId, Log, Nanos, TimeStamp,
    account::{Account, AccountStatus, Lease, Limit, Owner},
};
use ledger::accounts::AccountRow;
use serde::Serialize;

/// What was replayed.
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    pub(super) log: Log,
    /// The last event that counts; 0 before the first.
    pub(super) position: u64,
    pub(super) recorded_at: Option<TimeStamp>,
    /// The control event that was asked for, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) control_position: Option<u64>,
    pub(super) accounts: Vec<AccountView<'a>>,
}

/// One account, as the REST interface shows it, and its open leases.
#[derive(Debug, Serialize)]
pub(super) struct AccountView<'a> {
    #[serde(flatten)]
    shown: api::AccountView,
    leases: Vec<LeaseView>,
    #[serde(skip)]
    account: &'a Account,
}

#[derive(Debug, Serialize)]
struct LeaseView {
    id: LeaseId,
    journal_id: JournalId,
    amount_nanos: Nanos,
    settled_nanos: Nanos,
}

impl<'a> AccountView<'a> {
    /// `None` for what was never opened: nothing can stand on it.
    pub(super) fn of(row: &'a AccountRow) -> Option<Self> {
        let lease = |(id, lease): (&LeaseId, &Lease)| LeaseView {
            id: *id,
            journal_id: lease.journal_id,
            amount_nanos: lease.amount,
            settled_nanos: lease.settled,
        };
        let account = &row.account;
        let leases = account.leases.iter().map(lease).collect();
        Some(Self { shown: api::AccountView::of(row)?, leases, account })
    }

    fn people(&self, out: &mut impl Write) -> io::Result<()> {
        let account = self.account;
        let Some((id, owner)) = account.owner else { return Ok(()) };
        let owner = match owner {
            Owner::User(id) => format!("of user {id}"),
            Owner::Token(id) => format!("of token {id}"),
            Owner::Suspense => "for charges of no account".to_owned(),
            Owner::Budget { budget_id, window } => format!("of budget {budget_id}, {window}"),
        };
        let status = match account.status {
            AccountStatus::Open => "open",
            AccountStatus::Closed => "closed",
        };
        let limit = match account.limit {
            Limit::Prepaid => "prepaid".to_owned(),
            Limit::CreditNanos(nanos) => format!("credit up to {nanos}"),
            Limit::Unlimited => "unlimited".to_owned(),
        };
        writeln!(out, "{id}  {owner}, {status}, {limit}")?;
        writeln!(
            out,
            "  credit {} debit {} posted {} refunded {} pending {} available {}",
            account.credit_nanos,
            account.debit_nanos,
            account.posted_nanos,
            account.refunded_nanos,
            account.pending_nanos,
            account.available_nanos()
        )?;
        for lease in &self.leases {
            let LeaseView { id, journal_id, amount_nanos, settled_nanos } = lease;
            writeln!(out, "  lease {id} of journal {journal_id}: {settled_nanos} of {amount_nanos} settled")?;
        }
        Ok(())
    }
}

impl View<'_> {
    pub(super) fn people(&self, out: &mut impl Write) -> io::Result<()> {
        for account in &self.accounts {
            account.people(out)?;
        }
        let recorded = self.recorded_at.map(|at| format!(", recorded {at}")).unwrap_or_default();
        let asked = self.control_position.map(|at| format!(", by control event {at}")).unwrap_or_default();
        let count = self.accounts.len();
        writeln!(
            out,
            "{count} accounts as of ledger event {}{recorded}{asked}; amounts in nano-dollars",
            self.position
        )
    }
}
