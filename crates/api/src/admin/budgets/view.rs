//! A budget as people see it.

use std::collections::HashMap;

use ::ledger::accounts::AccountRow;
use domain::{
    AccountId, ApiTokenId, BudgetId, GroupName, Nanos, TimeStamp, UserId,
    account::Account,
    budget::{Holder, Period, Window},
};
use projections::budgets::{BudgetRow, BudgetState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{admin::made_at, openapi::PeriodSchema};

/// Whose calls a budget limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = BudgetHolder)]
pub(crate) enum HolderView {
    /// Those of one token.
    #[schema(value_type = uuid::Uuid)]
    Token(ApiTokenId),
    /// Those of one user, with whichever token.
    #[schema(value_type = uuid::Uuid)]
    User(UserId),
    /// Those that are made as one group.
    #[schema(value_type = String)]
    Group(GroupName),
}

impl From<HolderView> for Holder {
    fn from(holder: HolderView) -> Self {
        match holder {
            HolderView::Token(id) => Self::Token(id),
            HolderView::User(id) => Self::User(id),
            HolderView::Group(name) => Self::Group(name),
        }
    }
}

impl From<Holder> for HolderView {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::Token(id) => Self::Token(id),
            Holder::User(id) => Self::User(id),
            Holder::Group(name) => Self::Group(name),
        }
    }
}

/// Whether a budget limits anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BudgetStatus)]
pub(crate) enum BudgetStatusView {
    /// It does.
    Open,
    /// It never will again.
    Closed,
}

/// The window of a budget that is now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BudgetWindow)]
pub(crate) struct WindowView {
    /// Its name.
    #[schema(example = "2026-11-24")]
    name: String,
    #[schema(value_type = String, format = DateTime)]
    starts_at: TimeStamp,
    /// When the next one begins; `null` where it never ends.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    ends_at: Option<TimeStamp>,
    /// Its account, which its first call opens.
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// Charged, less what was given back.
    spent_nanos: u64,
    /// Held by nodes for open calls.
    pending_nanos: u64,
    /// What is left.
    #[schema(value_type = u64)]
    left_nanos: Nanos,
}

impl WindowView {
    fn of(row: &BudgetRow, window: Window, account: Option<&Account>) -> Self {
        let account_id = row.budget_id.account_in(&window);
        let used = account.map(|account| {
            let spent = account.posted_nanos.saturating_sub(account.refunded_nanos);
            (spent, account.pending_nanos, account.room().unwrap_or(row.limit))
        });
        let (spent_nanos, pending_nanos, left_nanos) = used.unwrap_or((0, 0, row.limit));
        Self {
            name: window.to_string(),
            starts_at: window.starts_at,
            ends_at: window.ends_at,
            account_id,
            spent_nanos,
            pending_nanos,
            left_nanos,
        }
    }
}

/// A budget.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetView {
    #[schema(value_type = uuid::Uuid)]
    id: BudgetId,
    /// Whose calls it limits, all of them together; `null` where that was never said.
    #[schema(required = true)]
    holder: Option<HolderView>,
    /// How long each of its windows is, in UTC.
    #[schema(value_type = PeriodSchema)]
    period: Period,
    /// What may be spent in each window.
    #[schema(value_type = u64, example = 5_000_000_000_u64)]
    limit_nanos: Nanos,
    status: BudgetStatusView,
    /// The window that is now; `null` where it is closed.
    #[schema(required = true)]
    window: Option<WindowView>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
}

impl BudgetView {
    pub(super) fn of(row: &BudgetRow, now: TimeStamp, accounts: &HashMap<AccountId, AccountRow>) -> Self {
        let account = account_id(row, now).and_then(|id| accounts.get(&id));
        // An account that a charge has named before it was opened says nothing.
        let account = account.map(|found| &found.account).filter(|account| account.owner.is_some());
        let window = window(row, now).map(|window| WindowView::of(row, window, account));
        Self {
            id: row.budget_id,
            holder: row.holder.clone().map(HolderView::from),
            period: row.period,
            limit_nanos: row.limit,
            status: match row.state {
                BudgetState::Open => BudgetStatusView::Open,
                BudgetState::Closed => BudgetStatusView::Closed,
            },
            window,
            created_at: made_at(row.budget_id.0),
        }
    }
}

fn window(row: &BudgetRow, now: TimeStamp) -> Option<Window> {
    (row.state == BudgetState::Open).then(|| row.period.window(now))
}

/// The account of the window that is now; none where the budget is closed.
pub(super) fn account_id(row: &BudgetRow, now: TimeStamp) -> Option<AccountId> {
    window(row, now).map(|window| row.budget_id.account_in(&window))
}
