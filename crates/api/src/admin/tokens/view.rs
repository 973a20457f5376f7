//! A token as people see it: of its key only the last characters.

use std::{collections::BTreeSet, num::NonZeroU32};

use domain::{
    AccountId, ApiTokenId, CallLimits, GroupName, ModelName, TimeStamp, UserId,
    account::Account,
    api_token::{ApiTokenSpec, ApiTokenStatus},
    budget::Holder,
};
use projections::tokens::{TokenRow, TokenState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{
    budgets::{BudgetView, Held},
    made_at,
};

/// Whether a token admits calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApiTokenState)]
pub(crate) enum ApiTokenStatusView {
    /// It does.
    Enabled,
    /// It does not for now.
    Disabled,
    /// It never will again.
    Revoked,
}

impl ApiTokenStatusView {
    pub(super) const fn of(status: ApiTokenStatus) -> Self {
        match status {
            ApiTokenStatus::Enabled => Self::Enabled,
            ApiTokenStatus::Disabled => Self::Disabled,
        }
    }
}

/// How far a token's own account has come.
#[expect(clippy::struct_field_names, reason = "the unit is part of each name in JSON")]
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Quota {
    /// Paid in.
    credit_nanos: u64,
    /// Charged.
    posted_nanos: u64,
    /// Given back.
    refunded_nanos: u64,
    /// Held by nodes for open calls.
    pending_nanos: u64,
    /// What is left; negative when it is overdrawn.
    available_nanos: i64,
}

impl Quota {
    pub(super) fn of(account: &Account) -> Self {
        Self {
            credit_nanos: account.credit_nanos,
            posted_nanos: account.posted_nanos,
            refunded_nanos: account.refunded_nanos,
            pending_nanos: account.pending_nanos,
            available_nanos: account.available_nanos(),
        }
    }
}

/// The most that may be asked for; what is absent is not limited.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = CallLimits)]
pub(crate) struct CallLimitsView {
    /// Calls begun within any minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 60)]
    requests_per_minute: Option<u32>,
    /// Tokens within any minute, in and out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 100_000)]
    tokens_per_minute: Option<u32>,
    /// Calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 8)]
    concurrent_calls: Option<u32>,
}

impl CallLimitsView {
    fn of(limits: CallLimits) -> Self {
        Self {
            requests_per_minute: limits.requests_per_minute.map(NonZeroU32::get),
            tokens_per_minute: limits.tokens_per_minute.map(NonZeroU32::get),
            concurrent_calls: limits.concurrent_calls.map(NonZeroU32::get),
        }
    }
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiTokenView {
    #[schema(value_type = uuid::Uuid)]
    id: ApiTokenId,
    /// What people call it.
    #[schema(example = "laptop")]
    name: String,
    /// Whose it is.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Who pays.
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// The account that limits it, where it has a quota of its own.
    #[schema(value_type = Option<uuid::Uuid>, required = true)]
    limit_account_id: Option<AccountId>,
    /// What is left of its quota.
    #[schema(required = true)]
    quota: Option<Quota>,
    /// What it may ask for; `null` means anything.
    #[schema(value_type = Option<Vec<String>>, required = true)]
    models: Option<BTreeSet<ModelName>>,
    /// Where it may come from; `null` means anywhere.
    #[schema(required = true, example = json!(["10.0.0.0/8"]))]
    allowed_ips: Option<BTreeSet<String>>,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    expires_at: Option<TimeStamp>,
    /// Calls as this group instead of its user's.
    #[schema(value_type = Option<String>, required = true)]
    group: Option<GroupName>,
    /// The most that it may ask for; `null` means as much as its user may.
    #[schema(required = true)]
    limits: Option<CallLimitsView>,
    /// The open budgets that limit it alone.
    budgets: Vec<BudgetView>,
    /// The last four characters of its key.
    #[schema(example = "9f2c")]
    key_hint: String,
    status: ApiTokenStatusView,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
}

impl ApiTokenView {
    pub(super) fn new(
        id: ApiTokenId,
        spec: &ApiTokenSpec,
        status: ApiTokenStatusView,
        key_hint: String,
        quota: Option<Quota>,
        held: &Held,
    ) -> Self {
        Self {
            id,
            name: spec.name.clone(),
            user_id: spec.user_id,
            account_id: spec.account_id,
            limit_account_id: spec.limit_account_id,
            quota,
            models: spec.models.clone(),
            allowed_ips: spec.allowed_ips.clone(),
            expires_at: spec.expires_at,
            group: spec.group.clone(),
            limits: spec.limits.map(CallLimitsView::of),
            budgets: held.of(&Holder::Token(id)),
            key_hint,
            status,
            created_at: made_at(id.0),
        }
    }

    pub(super) fn of_row(row: &TokenRow, quota: Option<Quota>, held: &Held) -> Self {
        let status = match row.state {
            TokenState::Enabled => ApiTokenStatusView::Enabled,
            TokenState::Disabled => ApiTokenStatusView::Disabled,
            TokenState::Revoked => ApiTokenStatusView::Revoked,
        };
        Self::new(row.token_id, &row.spec, status, row.key.hint.clone(), quota, held)
    }
}

/// A token with its key, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedApiTokenView {
    /// What API clients send; it cannot be read again.
    #[schema(example = "sk-2f6d…")]
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) token: ApiTokenView,
}
