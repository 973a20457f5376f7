//! The control nodes, as those who know every token.

use cluster::Control;
use futures_util::future::BoxFuture;
use projections::{
    Versioned,
    lookup::{TierError, TokenTier},
    tokens::TokenRow,
};

/// Asked last.
pub(crate) struct ControlTokens(pub(crate) Control);

impl TokenTier for ControlTokens {
    fn name(&self) -> &'static str {
        "control"
    }

    fn token<'a>(
        &'a self,
        sha256: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Versioned<TokenRow>>, TierError>> {
        Box::pin(async move {
            let row = self.0.token(sha256).await.map_err(|error| TierError::Away(Box::new(error)))?;
            let Some(row) = row else { return Ok(None) };
            serde_json::from_slice(&row).map(Some).map_err(|error| TierError::Away(Box::new(error)))
        })
    }
}
