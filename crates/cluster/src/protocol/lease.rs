//! `POST /sync/leases`: quota is asked for, and granted or refused.

use domain::{AccountId, BudgetId, JournalId, LeaseId, Nanos, account::AccountRefusal};
use ledger::{Ask, GrantError, ScopeAsk, step::Grant};
use serde::{Deserialize, Serialize};

use super::refusal::RefusalView;

/// The most accounts that one request may name.
pub const SCOPES_MAX: usize = 64;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskBody {
    /// The journal that will spend it.
    pub journal_id: JournalId,
    /// Per account.
    pub scopes: Vec<ScopeBody>,
}

/// What is asked of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeBody {
    account_id: AccountId,
    lease_id: LeaseId,
    need_nanos: Nanos,
    floor_nanos: Nanos,
    rate_nanos: Nanos,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget_id: Option<BudgetId>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedView {
    /// All of it, account by account.
    Granted(Vec<GrantView>),
    /// None of it.
    Refused(RefusedView),
}

/// What may be spent of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantView {
    /// So much, on a lease.
    Leased {
        /// Which account.
        account_id: AccountId,
        /// Which lease.
        lease_id: LeaseId,
        /// How much.
        amount_nanos: Nanos,
        /// For how long, from before it was asked.
        usable_ms: u64,
    },
    /// Anything.
    Unlimited {
        /// Which account.
        account_id: AccountId,
        /// For how long this may be relied upon, from before it was asked.
        usable_ms: u64,
    },
}

/// Which account gives nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    account_id: AccountId,
    #[serde(with = "RefusalView")]
    refusal: AccountRefusal,
}

impl From<Ask> for AskBody {
    fn from(ask: Ask) -> Self {
        let scope = |scope: &ScopeAsk| ScopeBody {
            account_id: scope.account_id,
            lease_id: scope.lease_id,
            need_nanos: scope.need,
            floor_nanos: scope.floor,
            rate_nanos: scope.rate,
            budget_id: scope.budget,
        };
        Self { journal_id: ask.journal_id, scopes: ask.scopes.iter().map(scope).collect() }
    }
}

impl From<AskBody> for Ask {
    fn from(body: AskBody) -> Self {
        let scope = |scope: &ScopeBody| ScopeAsk {
            account_id: scope.account_id,
            lease_id: scope.lease_id,
            need: scope.need_nanos,
            floor: scope.floor_nanos,
            rate: scope.rate_nanos,
            budget: scope.budget_id,
        };
        Self { journal_id: body.journal_id, scopes: body.scopes.iter().map(scope).collect() }
    }
}

impl AskedView {
    /// What the ledger said.
    ///
    /// # Errors
    /// When the ledger is away, which is no answer.
    pub fn of(answer: Result<Vec<Grant>, GrantError>) -> Result<Self, String> {
        match answer {
            Ok(grants) => Ok(Self::Granted(grants.into_iter().map(GrantView::from).collect())),
            Err(GrantError::Refused { account_id, refusal }) => {
                Ok(Self::Refused(RefusedView { account_id, refusal }))
            }
            Err(GrantError::Unavailable(reason)) => Err(reason),
        }
    }

    /// As the node's ledger says it.
    ///
    /// # Errors
    /// The refusal.
    pub fn into_answer(self) -> Result<Vec<Grant>, GrantError> {
        match self {
            Self::Granted(grants) => Ok(grants.into_iter().map(Grant::from).collect()),
            Self::Refused(RefusedView { account_id, refusal }) => {
                Err(GrantError::Refused { account_id, refusal })
            }
        }
    }
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        match grant {
            Grant::Leased { account_id, lease_id, amount, usable_ms } => {
                Self::Leased { account_id, lease_id, amount_nanos: amount, usable_ms }
            }
            Grant::Unlimited { account_id, usable_ms } => Self::Unlimited { account_id, usable_ms },
        }
    }
}

impl From<GrantView> for Grant {
    fn from(view: GrantView) -> Self {
        match view {
            GrantView::Leased { account_id, lease_id, amount_nanos, usable_ms } => {
                Self::Leased { account_id, lease_id, amount: amount_nanos, usable_ms }
            }
            GrantView::Unlimited { account_id, usable_ms } => Self::Unlimited { account_id, usable_ms },
        }
    }
}
