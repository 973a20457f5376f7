//! One token, for a node that knows that there is one and not what it is.

use std::{str::FromStr, sync::Arc};

use axum::{Json, extract::State};
use projections::{Versioned, tokens::TokenRow};

use super::NodeSession;
use crate::{
    Edge,
    extract::Id,
    problem::{Code, Problem},
};

/// The hash of a key, in hexadecimal.
pub(super) struct KeyHash([u8; 32]);

impl FromStr for KeyHash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash)?;
        Ok(Self(hash))
    }
}

/// The token whose key has that hash, without what people call it.
pub(super) async fn read(
    State(edge): State<Arc<Edge>>,
    Id(KeyHash(sha256)): Id<KeyHash>,
    _: NodeSession,
) -> Result<Json<Versioned<TokenRow>>, Problem> {
    let found = edge.tokens.find(&sha256).await;
    let found = found.map_err(|error| Problem::new(Code::Unavailable, error.to_string()))?;
    let entry = found.ok_or_else(|| Problem::new(Code::NotFound, "no token has that key"))?;
    Ok(Json(entry.versioned()))
}
