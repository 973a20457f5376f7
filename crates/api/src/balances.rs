//! What accounts come to, for whoever shows it: never for a decision about money.

use domain::AccountId;
use eventlog::EventLog;
use futures_util::future::BoxFuture;
use ledger::accounts;
use projections::redis::AccountSummary;
use thiserror::Error;

/// Why nobody can say what an account comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BalanceError {
    /// Whoever could does not answer.
    #[error("what the account comes to cannot be found out now; send it again")]
    OutOfReach,
    /// The node has neither a database nor a Redis server.
    #[error(
        "this node does not know what accounts come to: its operator may name a Redis server (`redis_url`)"
    )]
    Nowhere,
}

/// Knows what accounts come to.
pub trait Balances: Send + Sync + 'static {
    /// That account, as of now or of a second or so ago; `None` where none is known.
    fn of(&self, id: AccountId) -> BoxFuture<'_, Result<Option<AccountSummary>, BalanceError>>;
}

/// As the database has it.
pub struct LoggedBalances(pub EventLog);

impl Balances for LoggedBalances {
    fn of(&self, id: AccountId) -> BoxFuture<'_, Result<Option<AccountSummary>, BalanceError>> {
        Box::pin(async move {
            let found = accounts::find(self.0.read_pool(), id).await.map_err(|error| {
                tracing::error!(account.id = %id, %error, "an account cannot be read");
                BalanceError::OutOfReach
            })?;
            Ok(found.and_then(|row| AccountSummary::of(&row.account, row.updated_at)))
        })
    }
}
