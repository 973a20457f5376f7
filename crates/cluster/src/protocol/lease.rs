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

#[cfg(test)]
mod tests {
    use domain::{
        AccountId, BudgetId, JournalId, LeaseId, NameError, Nanos, account::AccountRefusal as Refusal,
    };
    use ledger::{Ask, GrantError, ScopeAsk};
    use uuid::Uuid;

    use super::{AskBody, AskedView};

    fn through(view: &AskedView) -> AskedView {
        serde_json::from_str(&serde_json::to_string(view).unwrap()).unwrap()
    }

    #[test]
    fn every_refusal_comes_out_as_it_went_in() {
        let account_id = AccountId(Uuid::from_u128(1));
        for refusal in [
            Refusal::Unknown,
            Refusal::Exists,
            Refusal::Closed,
            Refusal::Nothing,
            Refusal::Reason(NameError::TooLong(300)),
            Refusal::Insufficient { available_nanos: -5, needed_nanos: 7 },
            Refusal::Unlimited,
            Refusal::Full,
            Refusal::Suspense,
            Refusal::LeaseUsed,
            Refusal::WindowOver,
            Refusal::Leases,
        ] {
            let said = GrantError::Refused { account_id, refusal: refusal.clone() };
            let read = through(&AskedView::of(Err(said)).unwrap()).into_answer().unwrap_err();
            let GrantError::Refused { account_id: of, refusal: found } = read else { panic!("{read}") };
            assert_eq!((of, found), (account_id, refusal));
        }
        // That the ledger is away is no answer of its.
        assert!(AskedView::of(Err(GrantError::Unavailable("away".into()))).is_err());
    }

    #[test]
    fn what_is_asked_says_the_budget_where_there_is_one_and_nothing_that_is_not_known() {
        let scope = ScopeAsk {
            account_id: AccountId(Uuid::from_u128(1)),
            lease_id: LeaseId(Uuid::from_u128(2)),
            need: Nanos::new(5).unwrap(),
            floor: Nanos::new(4).unwrap(),
            rate: Nanos::new(3).unwrap(),
            budget: Some(BudgetId(Uuid::from_u128(6))),
        };
        let journal_id = JournalId(Uuid::from_u128(7));
        let body = AskBody::from(Ask { journal_id, scopes: vec![scope, ScopeAsk { budget: None, ..scope }] });
        let json = serde_json::to_value(&body).unwrap();
        assert_eq!(json["scopes"][0]["budget_id"], scope.budget.unwrap().to_string());
        assert_eq!(json["scopes"][1].get("budget_id"), None);
        let read: AskBody = serde_json::from_value(json.clone()).unwrap();
        let ask = Ask::from(read);
        assert_eq!((ask.journal_id, ask.scopes.len()), (journal_id, 2));
        let found = ask.scopes[0];
        assert_eq!(
            (found.need, found.floor, found.rate, found.budget),
            (scope.need, scope.floor, scope.rate, scope.budget)
        );
        let mut unknown = json;
        unknown["scopes"][0]["colour"] = "red".into();
        assert!(serde_json::from_value::<AskBody>(unknown).is_err());
    }
}
