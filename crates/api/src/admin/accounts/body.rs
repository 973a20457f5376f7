//! What is asked of accounts.

use domain::{Nanos, account::AccountCommand};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{AccountStatusView, LimitView, Movement, MovementKind};
use crate::extract::json::given;

/// What is to be different about an account; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"limit": {"credit_nanos": 5_000_000_000_u64}}))]
pub(crate) struct ChangeAccountBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    limit: Option<LimitView>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    status: Option<AccountStatusView>,
}

impl ChangeAccountBody {
    pub(super) fn commands(self) -> Vec<AccountCommand> {
        let status = self.status.map(|status| match status {
            AccountStatusView::Open => AccountCommand::Reopen,
            AccountStatusView::Closed => AccountCommand::Close,
        });
        let limit = self.limit.map(|limit| AccountCommand::ChangeLimit(limit.into()));
        limit.into_iter().chain(status).collect()
    }
}

/// Money to be paid in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount_nanos": 5_000_000_000_u64, "reason": "invoice 7"}))]
pub(crate) struct DepositBody {
    /// In billionths of a dollar.
    #[schema(value_type = u64, minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    amount_nanos: Nanos,
    /// Why, for people.
    reason: String,
}

impl DepositBody {
    pub(super) fn movement(self) -> Movement {
        Movement { kind: MovementKind::Deposit, amount_nanos: self.amount_nanos, reason: self.reason }
    }
}

/// Which way a correction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdjustmentKind {
    /// More is available.
    Credit,
    /// Less is available; never more than there is.
    Debit,
    /// Money was taken back from us: less is available, whatever that leaves.
    Chargeback,
}

/// A correction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "debit", "amount_nanos": 1_000_000_000_u64, "reason": "paid twice"}))]
pub(crate) struct AdjustmentBody {
    kind: AdjustmentKind,
    /// In billionths of a dollar.
    #[schema(value_type = u64, minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    amount_nanos: Nanos,
    /// Why, for people.
    reason: String,
}

impl AdjustmentBody {
    pub(super) fn movement(self) -> Movement {
        let kind = match self.kind {
            AdjustmentKind::Credit => MovementKind::Credit,
            AdjustmentKind::Debit => MovementKind::Debit,
            AdjustmentKind::Chargeback => MovementKind::Chargeback,
        };
        Movement { kind, amount_nanos: self.amount_nanos, reason: self.reason }
    }
}
