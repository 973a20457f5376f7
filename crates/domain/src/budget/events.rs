//! What happened to a budget, as it is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Holder, Period, Window};
use crate::{AccountId, ApiTokenId, BudgetId, Nanos, StoredEvent, TimeStamp, Upcast};

/// What happened to a budget; stands in the control log, which every node reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum BudgetEvent {
    /// It was made.
    #[serde(rename = "budget_opened")]
    Opened {
        /// Its id.
        budget_id: BudgetId,
        /// Whose calls it limits; absent in what was written before budgets said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<Holder>,
        /// How long each of its windows is.
        period: Period,
        /// What may be spent in each.
        limit_nanos: Nanos,
    },
    /// So much may be spent in each window from now on.
    #[serde(rename = "budget_limit_changed")]
    LimitChanged {
        /// How much.
        limit_nanos: Nanos,
    },
    /// No window of it is opened any more.
    #[serde(rename = "budget_closed")]
    Closed {},
}

/// What happened to one window of a budget; stands in the ledger log, in the window's own stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum BudgetWindowEvent {
    /// Its account was opened, at first use. That account's stream holds everything after this.
    #[serde(rename = "budget_window_opened")]
    Opened {
        /// The account.
        account_id: AccountId,
        /// Whose window.
        budget_id: BudgetId,
        /// From when to when.
        window: Window,
        /// What may be spent in it.
        limit_nanos: Nanos,
    },
}

impl StoredEvent for BudgetEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "budget_opened",
            Self::LimitChanged { .. } => "budget_limit_changed",
            Self::Closed {} => "budget_closed",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            // 2 brought holders.
            Self::Opened { .. } => 2,
            Self::LimitChanged { .. } | Self::Closed {} => 1,
        }
    }

    fn upcasts() -> &'static [Upcast] {
        const STEPS: &[Upcast] = &[Upcast::additive("budget_opened", 1)];
        STEPS
    }

    fn samples() -> Vec<Self> {
        let limit_nanos = Nanos::from_dollars(1);
        let holder = Some(Holder::Token(ApiTokenId(Uuid::from_u128(13))));
        vec![
            Self::Opened { budget_id: BUDGET, holder, period: Period::Month, limit_nanos },
            Self::LimitChanged { limit_nanos },
            Self::Closed {},
        ]
    }
}

impl StoredEvent for BudgetWindowEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "budget_window_opened",
        }
    }

    fn samples() -> Vec<Self> {
        let window = Period::Month.window(TimeStamp::from_micros(1_795_000_000_000_001));
        let account_id = BUDGET.account_in(&window);
        vec![Self::Opened { account_id, budget_id: BUDGET, window, limit_nanos: Nanos::from_dollars(1) }]
    }
}

const BUDGET: BudgetId = BudgetId(Uuid::from_u128(12));
