//! Who calls, as far as a call needs it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{AccountId, ApiTokenId, CallLimits, GroupName, ModelName, UserId, budget::Binding};

/// Whoever the edge has recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token that was shown.
    pub token_id: ApiTokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// Decides price and channels.
    pub group: GroupName,
    /// Every account that is charged; the payer first.
    pub scopes: Vec<AccountId>,
    /// Every budget that binds it: a window of each is charged too.
    pub budgets: Vec<Binding>,
    /// The models that the token may ask for; all where there is no list.
    pub models: Option<Arc<BTreeSet<ModelName>>>,
    /// How much it may ask for.
    pub limits: CallerLimits,
}

/// The limits of one caller; all of them hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// Of the token.
    pub token: CallLimits,
    /// Of its user, over all tokens.
    pub user: CallLimits,
}

impl Caller {
    /// Whether the token may ask for `model`.
    pub fn may_use(&self, model: &ModelName) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(model))
    }
}
