//! The ledger's own side: grants leases, takes journals in, takes back what nobody was heard of again for.

mod grant;
mod heard;
mod holds;
mod ingest;
mod news;
mod recalls;
mod tend;
#[cfg(test)]
mod tests;
mod windows;

use std::{sync::Arc, time::Duration};

use domain::{
    AccountId, JournalId, LeaseId, Log,
    account::{AccountCommand, AccountRefusal, Limit, Owner},
};
use eventlog::{EventLog, ExecuteError, Metadata, StoreError, on};
use futures_util::{future::BoxFuture, stream::BoxStream};
use tokio::time::Instant;

pub use self::{
    heard::BankClock,
    holds::{HOLD_SCOPES_MAX, Hold, HoldEnd, HoldError, HoldScope},
    ingest::Charged,
    tend::Tended,
    windows::decide_budget,
};
use self::{heard::Heard, recalls::Recalls};
use crate::{
    accounts,
    journal::Framed,
    port::{Ask, Cursor, GrantError, IngestError, LedgerPort, News, NewsError, Standing},
    step::Grant,
};

/// How long a lease is good for where nothing else is said, in milliseconds.
pub const LEASE_TTL_MS: u64 = 60_000;
/// The shortest that it may be: twice what a node does not use of it.
pub const LEASE_TTL_MS_MIN: u64 = 2 * LEASE_MARGIN_MS;
/// What a node leaves of it, for the ways that its clock and the ledger's differ.
pub(crate) const LEASE_MARGIN_MS: u64 = 5_000;
/// How long after its end a lease is left to a node that is not heard of, in milliseconds: longer than the longest call.
const GRACE_MS: u64 = 960_000;
/// How long a grant waits for other nodes before it is refused.
const RECALL_MAX: Duration = Duration::from_millis(250);

/// How the ledger's side is opened.
pub struct BankOptions {
    /// Tells how time passes.
    pub clock: Arc<dyn BankClock>,
    /// How long a lease is good for, in milliseconds, from [`LEASE_TTL_MS_MIN`] on.
    pub lease_ttl_ms: u64,
    /// How long after its end a lease is left to a node that is not heard of, in milliseconds. Longer than the longest
    /// call, so that what is reclaimed is charged late only where a node was away.
    pub grace_ms: u64,
    /// How long a grant that would be refused waits for quota that other nodes hold idle.
    pub recall_max: Duration,
    /// Who draws the traces of charges, if anybody does.
    pub observer: Option<Arc<dyn ChargeObserver>>,
}

/// Is told of charges that belong to traces that are recorded. It never waits.
pub trait ChargeObserver: Send + Sync + 'static {
    /// These stand in the log now; taking them in took so long.
    fn charged(&self, charged: &[Charged], took: Duration);
}

impl BankOptions {
    /// With the usual patience.
    pub fn new(clock: Arc<dyn BankClock>) -> Self {
        Self { clock, lease_ttl_ms: LEASE_TTL_MS, grace_ms: GRACE_MS, recall_max: RECALL_MAX, observer: None }
    }
}

/// The ledger over its log. A cheap handle.
#[derive(Clone)]
pub struct Bank {
    log: EventLog,
    heard: Arc<Heard>,
    recalls: Arc<Recalls>,
    lease_ttl_ms: u64,
    grace_ms: u64,
    recall_max: Duration,
    observer: Option<Arc<dyn ChargeObserver>>,
}

impl Bank {
    /// The ledger over this log; opens the suspense account if that was never done.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(log: EventLog, options: BankOptions) -> Result<Self, StoreError> {
        let opened = log.transact(Metadata::default(), |tx| {
            Box::pin(async move {
                let command = AccountCommand::Open {
                    account_id: AccountId::SUSPENSE,
                    owner: Owner::Suspense,
                    limit: Limit::Unlimited,
                };
                accounts::decide::<AccountRefusal>(tx, AccountId::SUSPENSE, command).await
            })
        });
        match opened.await {
            Ok(_) | Err(ExecuteError::Refused(_)) => {}
            Err(ExecuteError::Store(error)) => return Err(error),
            Err(ExecuteError::KeyReused) => return Err(StoreError::Malformed("command")),
        }
        let BankOptions { clock, lease_ttl_ms, grace_ms, recall_max, observer } = options;
        let (heard, recalls) = (Arc::new(Heard::new(clock)), Arc::new(Recalls::new()));
        let lease_ttl_ms = lease_ttl_ms.max(LEASE_TTL_MS_MIN);
        Ok(Self { log, heard, recalls, lease_ttl_ms, grace_ms, recall_max, observer })
    }
}

impl LedgerPort for Bank {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        self.heard.hear(ask.journal_id);
        Box::pin(grant::grant(self, ask))
    }

    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        self.heard.hear(journal_id);
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
        self.heard.hear(journal_id);
        Box::pin(async move {
            let begun = Instant::now();
            let taken = ingest::ingest(&self.log, journal_id, records).await?;
            if taken.freed {
                self.recalls.freed();
            }
            if let Some(observer) = self.observer.as_deref().filter(|_| !taken.traced.is_empty()) {
                observer.charged(&taken.traced, begun.elapsed());
            }
            Ok(taken.cursor)
        })
    }

    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        self.heard.hear(journal_id);
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

    fn recalls(&self, journal_id: JournalId) -> BoxStream<'static, AccountId> {
        self.recalls.of(journal_id)
    }

    fn head(&self) -> u64 {
        self.log.head(Log::Ledger)
    }

    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>> {
        Box::pin(news::news(&self.log, after))
    }
}

fn unavailable(error: impl std::fmt::Display) -> IngestError {
    IngestError::Unavailable(error.to_string())
}
