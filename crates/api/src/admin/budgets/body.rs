//! What is asked of budgets.

use domain::{Nanos, budget::Period};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::HolderView;
use crate::openapi::PeriodSchema;

/// A budget to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "holder": {"kind": "group", "id": "default"}, "period": "day", "limit_nanos": 5_000_000_000_u64
}))]
pub(crate) struct CreateBudgetBody {
    /// Whose calls it limits, all of them together.
    pub(super) holder: HolderView,
    /// How long each of its windows is.
    #[schema(value_type = PeriodSchema)]
    pub(super) period: Period,
    /// What may be spent in each, in billionths of a dollar.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub(super) limit_nanos: Nanos,
}

/// What is to be different about a budget.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"limit_nanos": 8_000_000_000_u64}))]
pub(crate) struct ChangeBudgetBody {
    /// What may be spent in each window, in billionths of a dollar.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub(super) limit_nanos: Nanos,
}
