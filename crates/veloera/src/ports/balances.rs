//! What accounts come to, where there is no database: what control nodes have told the Redis server.

use api::{BalanceError, Balances};
use domain::AccountId;
use futures_util::future::BoxFuture;
use projections::redis::{AccountSummary, RedisReader};

/// The reader of that server, where there is one.
pub(crate) struct ToldBalances(pub(crate) Option<RedisReader>);

impl Balances for ToldBalances {
    fn of(&self, id: AccountId) -> BoxFuture<'_, Result<Option<AccountSummary>, BalanceError>> {
        Box::pin(async move {
            let reader = self.0.as_ref().ok_or(BalanceError::Nowhere)?;
            let found = reader.account(id).await.map_err(|error| {
                tracing::warn!(account.id = %id, %error, "the Redis server does not say what an account comes to");
                BalanceError::OutOfReach
            })?;
            Ok(found.map(|told| told.row))
        })
    }
}

#[cfg(test)]
mod tests {
    use api::{BalanceError, Balances as _};
    use domain::AccountId;
    use uuid::Uuid;

    use super::ToldBalances;

    #[tokio::test]
    async fn a_node_that_nobody_tells_balances_says_so() {
        let asked = ToldBalances(None).of(AccountId(Uuid::from_u128(1))).await;
        assert_eq!(asked, Err(BalanceError::Nowhere));
    }
}
