//! Who calls, as far as a call needs it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{AccountId, ApiTokenId, GroupName, ModelName, UserId};

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
    /// The models that the token may ask for; all where there is no list.
    pub models: Option<Arc<BTreeSet<ModelName>>>,
}

impl Caller {
    /// Whether the token may ask for `model`.
    pub fn may_use(&self, model: &ModelName) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(model))
    }
}
