//! Whoever may have the row of a token.

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::{
    Versioned,
    redis::{RedisModelError, RedisReader},
    tokens::TokenRow,
};

/// Why somebody did not tell.
#[derive(Debug, Error)]
pub enum TierError {
    /// They do not answer, or not well.
    #[error("{0}")]
    Away(Box<dyn std::error::Error + Send + Sync>),
    /// What is there was written by nobody who may; it was said so in the log.
    #[error("the value bears no mark of this master key for its place")]
    Forged,
}

/// Has rows of tokens by the hashes of their keys. What it says is looked at before it is used: it may be old.
pub trait TokenTier: Send + Sync + 'static {
    /// What it is called where it is counted.
    fn name(&self) -> &'static str;

    /// The token whose key has this hash, as it knows it. How long it takes is bounded by itself.
    fn token<'a>(
        &'a self,
        sha256: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Versioned<TokenRow>>, TierError>>;
}

impl TokenTier for RedisReader {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn token<'a>(
        &'a self,
        sha256: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Versioned<TokenRow>>, TierError>> {
        Box::pin(async move {
            Self::token(self, sha256).await.map_err(|error| match error {
                RedisModelError::Forged => TierError::Forged,
                error => TierError::Away(Box::new(error)),
            })
        })
    }
}
