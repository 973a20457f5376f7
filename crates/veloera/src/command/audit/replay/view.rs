//! Accounts as of a position, for people and for programs.

use std::io::{self, Write};

use domain::{
    AccountId, JournalId, LeaseId, Log, Nanos, TimeStamp,
    account::{AccountStatus, Lease, Limit, Owner},
};
use ledger::accounts::AccountRow;
use serde::Serialize;
use uuid::Uuid;

/// What was replayed.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) log: Log,
    /// The last event that counts; 0 before the first.
    pub(super) position: u64,
    pub(super) recorded_at: Option<TimeStamp>,
    /// The control event that was asked for, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) control_position: Option<u64>,
    pub(super) accounts: Vec<AccountView>,
}

/// One account, as the REST interface shows it, and its open leases.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    id: AccountId,
    /// Whose it is; of nobody when it was never opened, only named by a charge.
    owner: Option<OwnerView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    status: AccountStatus,
    limit: Limit,
    credit_nanos: u64,
    debit_nanos: u64,
    posted_nanos: u64,
    refunded_nanos: u64,
    pending_nanos: u64,
    available_nanos: i64,
    opened_at: TimeStamp,
    updated_at: TimeStamp,
    leases: Vec<LeaseView>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
enum OwnerView {
    User(Uuid),
    Token(Uuid),
    Suspense,
    Budget(Uuid),
}

#[derive(Debug, Serialize)]
struct LeaseView {
    id: LeaseId,
    journal_id: JournalId,
    amount_nanos: Nanos,
    settled_nanos: Nanos,
}

impl AccountView {
    pub(super) fn of(id: AccountId, row: &AccountRow) -> Self {
        let account = &row.account;
        let lease = |(id, lease): (&LeaseId, &Lease)| LeaseView {
            id: *id,
            journal_id: lease.journal_id,
            amount_nanos: lease.amount,
            settled_nanos: lease.settled,
        };
        Self {
            id,
            owner: account.owner.map(|(_, owner)| match owner {
                Owner::User(user_id) => OwnerView::User(user_id.0),
                Owner::Token(token_id) => OwnerView::Token(token_id.0),
                Owner::Suspense => OwnerView::Suspense,
                Owner::Budget { budget_id, .. } => OwnerView::Budget(budget_id.0),
            }),
            window: account.owner.and_then(|(_, owner)| owner.window()).map(|window| window.to_string()),
            status: account.status,
            limit: account.limit,
            credit_nanos: account.credit_nanos,
            debit_nanos: account.debit_nanos,
            posted_nanos: account.posted_nanos,
            refunded_nanos: account.refunded_nanos,
            pending_nanos: account.pending_nanos,
            available_nanos: account.available_nanos(),
            opened_at: row.opened_at,
            updated_at: row.updated_at,
            leases: account.leases.iter().map(lease).collect(),
        }
    }

    fn people(&self, out: &mut impl Write) -> io::Result<()> {
        let owner = match self.owner {
            Some(OwnerView::User(id)) => format!("of user {id}"),
            Some(OwnerView::Token(id)) => format!("of token {id}"),
            Some(OwnerView::Budget(id)) => {
                format!("of budget {id}, {}", self.window.as_deref().unwrap_or("total"))
            }
            Some(OwnerView::Suspense) => "for charges of no account".to_owned(),
            None => "never opened".to_owned(),
        };
        let status = match self.status {
            AccountStatus::Open => "open",
            AccountStatus::Closed => "closed",
        };
        let limit = match self.limit {
            Limit::Prepaid => "prepaid".to_owned(),
            Limit::CreditNanos(nanos) => format!("credit up to {nanos}"),
            Limit::Unlimited => "unlimited".to_owned(),
        };
        writeln!(out, "{}  {owner}, {status}, {limit}", self.id)?;
        writeln!(
            out,
            "  credit {} debit {} posted {} refunded {} pending {} available {}",
            self.credit_nanos,
            self.debit_nanos,
            self.posted_nanos,
            self.refunded_nanos,
            self.pending_nanos,
            self.available_nanos
        )?;
        for lease in &self.leases {
            let LeaseView { id, journal_id, amount_nanos, settled_nanos } = lease;
            writeln!(out, "  lease {id} of journal {journal_id}: {settled_nanos} of {amount_nanos} settled")?;
        }
        Ok(())
    }
}

impl View {
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
