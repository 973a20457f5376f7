//! An account as people see it, and what moves money on it.

use ::ledger::accounts::AccountRow;
use domain::{
    AccountId, Nanos, TimeStamp,
    account::{AccountCommand, AccountStatus, Adjustment, Limit, Owner},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
#[schema(as = AccountOwner)]
pub(crate) enum OwnerView {
    /// A user pays from it.
    User(Uuid),
    /// It limits a token.
    Token(Uuid),
    /// It takes the charges that belong to no account.
    Suspense,
    /// It is one window of a budget.
    Budget(Uuid),
}

/// How far an account may be drawn: `"prepaid"`, `"unlimited"` or `{"credit_nanos": 5000000000}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountLimit)]
pub(crate) enum LimitView {
    /// No farther than what was paid in.
    #[default]
    Prepaid,
    /// So many nano-dollars farther.
    #[schema(value_type = u64)]
    CreditNanos(Nanos),
    /// Without end.
    Unlimited,
}

impl From<Limit> for LimitView {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Prepaid => Self::Prepaid,
            Limit::CreditNanos(nanos) => Self::CreditNanos(nanos),
            Limit::Unlimited => Self::Unlimited,
        }
    }
}

impl From<LimitView> for Limit {
    fn from(limit: LimitView) -> Self {
        match limit {
            LimitView::Prepaid => Self::Prepaid,
            LimitView::CreditNanos(nanos) => Self::CreditNanos(nanos),
            LimitView::Unlimited => Self::Unlimited,
        }
    }
}

/// Whether an account is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountStatus)]
pub(crate) enum AccountStatusView {
    /// It is.
    Open,
    /// It was closed.
    Closed,
}

/// An account. `available = credit − debit − posted + refunded − pending`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountView {
    #[schema(value_type = Uuid)]
    id: AccountId,
    owner: OwnerView,
    /// Which window of its budget, such as `2026-11`.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    status: AccountStatusView,
    limit: LimitView,
    /// Paid in; only rises.
    credit_nanos: u64,
    /// Taken out by adjustment; only rises.
    debit_nanos: u64,
    /// Charged; only rises.
    posted_nanos: u64,
    /// Given back; only rises.
    refunded_nanos: u64,
    /// Held by nodes for open calls.
    pending_nanos: u64,
    /// What is left; negative when it is overdrawn.
    available_nanos: i64,
    #[schema(value_type = String, format = DateTime)]
    opened_at: TimeStamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: TimeStamp,
}

impl AccountView {
    /// `None` for what was never opened, such as an account that a charge has named before.
    pub fn of(row: &AccountRow) -> Option<Self> {
        let account = &row.account;
        let (id, owner) = account.owner?;
        Some(Self {
            id,
            owner: match owner {
                Owner::User(user_id) => OwnerView::User(user_id.0),
                Owner::Token(token_id) => OwnerView::Token(token_id.0),
                Owner::Suspense => OwnerView::Suspense,
                Owner::Budget { budget_id, .. } => OwnerView::Budget(budget_id.0),
            },
            window: owner.window().map(|window| window.to_string()),
            status: match account.status {
                AccountStatus::Open => AccountStatusView::Open,
                AccountStatus::Closed => AccountStatusView::Closed,
            },
            limit: account.limit.into(),
            credit_nanos: account.credit_nanos,
            debit_nanos: account.debit_nanos,
            posted_nanos: account.posted_nanos,
            refunded_nanos: account.refunded_nanos,
            pending_nanos: account.pending_nanos,
            available_nanos: account.available_nanos(),
            opened_at: row.opened_at,
            updated_at: row.updated_at,
        })
    }

    /// Whether its limit and its end are a budget's to say.
    pub(super) const fn is_window(&self) -> bool {
        matches!(self.owner, OwnerView::Budget(_))
    }

    pub(super) const fn id(&self) -> AccountId {
        self.id
    }
}

/// Which way money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MovementKind {
    /// Paid in.
    Deposit,
    /// Corrected upwards.
    Credit,
    /// Corrected downwards, within what is there.
    Debit,
    /// Taken back from us, whatever that leaves.
    Chargeback,
}

/// Money that moves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Movement {
    pub(super) kind: MovementKind,
    #[schema(value_type = u64)]
    pub(super) amount_nanos: Nanos,
    /// Why, for people.
    pub(super) reason: String,
}

impl Movement {
    pub(super) fn command(&self) -> AccountCommand {
        let (amount, reason) = (self.amount_nanos, self.reason.clone());
        let adjustment = match self.kind {
            MovementKind::Deposit => return AccountCommand::Deposit { amount, reason },
            MovementKind::Credit => Adjustment::Credit,
            MovementKind::Debit => Adjustment::Debit,
            MovementKind::Chargeback => Adjustment::Chargeback,
        };
        AccountCommand::Adjust { adjustment, amount, reason }
    }
}

/// Money that has moved, and the account after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovementView {
    #[serde(flatten)]
    pub(super) movement: Movement,
    pub(super) account: AccountView,
}
