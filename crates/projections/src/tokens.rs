//! API tokens as they stand. Revoked ones are kept, for their calls name them.

use domain::{
    ApiTokenId, UserId,
    api_token::{ApiToken, ApiTokenEvent, ApiTokenSpec, HashedKey},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// Whether a token admits calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It does.
    Enabled,
    /// It does not for now.
    Disabled,
    /// It never will again.
    Revoked,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Names it.
    pub token_id: ApiTokenId,
    /// What is set on it.
    pub spec: ApiTokenSpec,
    /// The hash of the key that it has now.
    pub key: HashedKey,
    /// Whether it admits calls.
    pub state: TokenState,
}

impl Model for TokenRow {
    type Of = ApiToken;
    type Key = ApiTokenId;
    const TABLE: &'static str = "tokens";

    fn key(id: &str, _: &ApiTokenEvent) -> Option<ApiTokenId> {
        id.parse().ok()
    }

    fn evolve(row: Option<Self>, &token_id: &ApiTokenId, event: &ApiTokenEvent) -> Option<Self> {
        if let ApiTokenEvent::Issued { spec, key } = event {
            let (spec, key) = ((**spec).clone(), key.clone());
            return Some(Self { token_id, spec, key, state: TokenState::Enabled });
        }
        let mut row = row?;
        match event {
            ApiTokenEvent::Changed { change } => row.spec = row.spec.changed(change),
            ApiTokenEvent::Rotated { key } => row.key.clone_from(key),
            ApiTokenEvent::Enabled {} => row.state = TokenState::Enabled,
            ApiTokenEvent::Disabled {} => row.state = TokenState::Disabled,
            ApiTokenEvent::Revoked {} => row.state = TokenState::Revoked,
            ApiTokenEvent::Issued { .. } => {}
        }
        Some(row)
    }
}

/// One token.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, id: ApiTokenId) -> Result<Option<Stored<TokenRow>>, StoreError> {
    model::find(pool, &id).await
}

/// Tokens from after `after`, oldest first: `user`'s, or everyone's.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    user: Option<UserId>,
    after: Option<ApiTokenId>,
    limit: usize,
) -> Result<Vec<Stored<TokenRow>>, StoreError> {
    let of = user.map(|user| ("user_id", user.to_string()));
    model::list(pool, after.as_ref(), limit, of).await
}
