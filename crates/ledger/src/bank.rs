//! The ledger's own side: grants leases, takes journals in.

mod grant;
mod ingest;
#[cfg(test)]
mod tests;

use domain::{
    AccountId, JournalId, LeaseId, Log,
    account::{AccountCommand, Limit, Owner},
};
use eventlog::{EventLog, ExecuteError, Metadata, StoreError, on};
use futures_util::future::BoxFuture;

use crate::{
    accounts,
    journal::Framed,
    port::{Ask, Cursor, GrantError, IngestError, LedgerPort, Standing},
    step::Grant,
};

/// How long a lease may be spent, in milliseconds.
pub(crate) const LEASE_TTL_MS: u64 = 60_000;
/// What a node leaves of that, for the ways that its clock and the ledger's differ.
pub(crate) const LEASE_MARGIN_MS: u64 = 5_000;

/// The ledger over its log. A cheap handle.
#[derive(Clone)]
pub struct Bank {
    log: EventLog,
}

impl Bank {
    /// The ledger over this log; opens the suspense account if that was never done.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(log: EventLog) -> Result<Self, StoreError> {
        let opened = log.transact(Metadata::default(), |tx| {
            Box::pin(async move {
                let command = AccountCommand::Open {
                    account_id: AccountId::SUSPENSE,
                    owner: Owner::Suspense,
                    limit: Limit::Unlimited,
                };
                accounts::decide::<domain::account::AccountRefusal>(tx, AccountId::SUSPENSE, command).await
            })
        });
        match opened.await {
            Ok(_) | Err(ExecuteError::Refused(_)) => Ok(Self { log }),
            Err(ExecuteError::Store(error)) => Err(error),
            Err(ExecuteError::KeyReused) => Err(StoreError::Malformed("command")),
        }
    }
}

impl LedgerPort for Bank {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        Box::pin(grant::grant(&self.log, ask))
    }

    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        Box::pin(async move {
            let mut connection = self.log.read_pool().acquire().await.map_err(unavailable)?;
            let cursor = ingest::cursor(&mut connection, journal_id).await.map_err(unavailable)?;
            Ok(Standing { log_id: self.log.reader().log_id(Log::Ledger), cursor })
        })
    }

    fn ingest(
        &self,
        journal_id: JournalId,
        records: Vec<Framed>,
    ) -> BoxFuture<'_, Result<Cursor, IngestError>> {
        Box::pin(ingest::ingest(&self.log, journal_id, records))
    }

    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        Box::pin(async move {
            let mut connection = self.log.read_pool().acquire().await.map_err(unavailable)?;
            let sql = "SELECT account_id, lease_id FROM leases WHERE journal_id = $1 ORDER BY lease_id";
            let rows: Vec<(String, String)> = on!(&mut connection, c => {
                sqlx::query_as(sql).bind(journal_id.to_string()).fetch_all(c).await.map_err(unavailable)?
            });
            rows.iter()
                .map(|(account, lease)| {
                    let malformed = |_| unavailable(StoreError::Malformed("lease"));
                    Ok((account.parse().map_err(malformed)?, lease.parse().map_err(malformed)?))
                })
                .collect()
        })
    }
}

fn unavailable(error: impl std::fmt::Display) -> IngestError {
    IngestError::Unavailable(error.to_string())
}
