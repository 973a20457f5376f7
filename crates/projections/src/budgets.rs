//! Budgets as they stand. Closed ones are kept, for their windows were charged.

use domain::{
    BudgetId, Nanos,
    budget::{Binding, Budget, BudgetEvent, Holder, Period},
};
use eventlog::{Connection, Pool, StoreError, on};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// Whether a budget limits anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    /// It does.
    Open,
    /// It never will again.
    Closed,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRow {
    /// Names it.
    pub budget_id: BudgetId,
    /// Whose calls it limits; nobody's, where it was opened before budgets said so.
    pub holder: Option<Holder>,
    /// How long each of its windows is.
    pub period: Period,
    /// What may be spent in each.
    pub limit: Nanos,
    /// Whether it limits anyone.
    pub state: BudgetState,
}

impl BudgetRow {
    /// What a budget is; none where it was never made.
    pub fn of(budget: &Budget) -> Option<Self> {
        let (terms, state) = match budget {
            Budget::Absent => return None,
            Budget::Open(terms) => (terms, BudgetState::Open),
            Budget::Closed(terms) => (terms, BudgetState::Closed),
        };
        let holder = terms.holder.clone();
        Some(Self { budget_id: terms.budget_id, holder, period: terms.period, limit: terms.limit, state })
    }

    /// What it is to the calls that it binds; none where it binds none.
    pub fn binding(&self) -> Option<Binding> {
        let holder = self.holder.as_ref().filter(|_| self.state == BudgetState::Open)?;
        Some(Binding { budget_id: self.budget_id, holder: holder.kind(), period: self.period })
    }
}

impl Model for BudgetRow {
    type Of = Budget;
    type Key = BudgetId;
    const TABLE: &'static str = "budgets";

    fn key(id: &str, _: &BudgetEvent) -> Option<BudgetId> {
        id.parse().ok()
    }

    fn evolve(row: Option<Self>, &budget_id: &BudgetId, event: &BudgetEvent) -> Option<Self> {
        if let BudgetEvent::Opened { holder, period, limit_nanos, .. } = event {
            let (period, limit, state) = (*period, *limit_nanos, BudgetState::Open);
            return Some(Self { budget_id, holder: holder.clone(), period, limit, state });
        }
        let row = row?;
        Some(match event {
            BudgetEvent::LimitChanged { limit_nanos } => Self { limit: *limit_nanos, ..row },
            BudgetEvent::Closed {} => Self { state: BudgetState::Closed, ..row },
            BudgetEvent::Opened { .. } => row,
        })
    }
}

/// The table's column that finds a holder.
fn column(holder: &Holder) -> (&'static str, String) {
    match holder {
        Holder::Token(id) => ("token_id", id.to_string()),
        Holder::User(id) => ("user_id", id.to_string()),
        Holder::Group(name) => ("group_name", name.to_string()),
    }
}

/// One budget.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, id: BudgetId) -> Result<Option<Stored<BudgetRow>>, StoreError> {
    model::find(pool, &id).await
}

/// Budgets from after `after`, oldest first: those of one holder, or all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    holder: Option<&Holder>,
    after: Option<BudgetId>,
    limit: usize,
) -> Result<Vec<Stored<BudgetRow>>, StoreError> {
    model::list(pool, after.as_ref(), limit, holder.map(column)).await
}

/// Whether there is an open budget of that holder and period, as the connection's transaction sees it.
///
/// # Errors
/// When the database fails.
pub async fn is_held(
    connection: &mut Connection,
    holder: &Holder,
    period: Period,
) -> Result<bool, StoreError> {
    let (column, id) = column(holder);
    let sql = format!("SELECT \"row\" FROM budgets WHERE {column} = $1");
    let rows: Vec<(String,)> = on!(connection, c => sqlx::query_as(&sql).bind(id).fetch_all(c).await?);
    for (row,) in rows {
        let row: BudgetRow = serde_json::from_str(&row).map_err(|_| StoreError::Malformed("budget"))?;
        if row.state == BudgetState::Open && row.period == period {
            return Ok(true);
        }
    }
    Ok(false)
}
