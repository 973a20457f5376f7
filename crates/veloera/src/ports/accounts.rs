//! The ledger's accounts, as whoever brings them to a Redis server sees them.

use std::collections::BTreeSet;

use domain::AccountId;
use eventlog::{Pool, Recorded, StoreError};
use futures_util::future::BoxFuture;
use ledger::accounts;
use projections::{
    Versioned,
    redis::{AccountSource, AccountSummary},
};

/// Every account that there is.
pub(crate) struct LedgerAccounts;

impl AccountSource for LedgerAccounts {
    fn touched(&self, events: &[Recorded]) -> Result<BTreeSet<AccountId>, StoreError> {
        accounts::touched(events)
    }

    fn rows<'a>(
        &'a self,
        pool: &'a Pool,
        ids: &'a BTreeSet<AccountId>,
    ) -> BoxFuture<'a, Result<Vec<Versioned<AccountSummary>>, StoreError>> {
        Box::pin(async move {
            let rows = accounts::load(&mut pool.acquire().await?, ids).await?;
            let summary = |row: &accounts::AccountRow| {
                let summary = AccountSummary::of(&row.account, row.updated_at)?;
                Some(Versioned { version: row.version, row: summary })
            };
            Ok(rows.values().filter_map(summary).collect())
        })
    }

    fn ids<'a>(
        &'a self,
        pool: &'a Pool,
        after: Option<AccountId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, StoreError>> {
        Box::pin(accounts::ids(pool, after, limit))
    }
}
