//! Taking back what nobody was heard of again for.

use std::{sync::Arc, time::Duration};

use domain::{
    AccountId, JournalId, LeaseId, TimeStamp,
    account::{AccountCommand, AccountRefusal, LeaseEnd},
};
use eventlog::{Connection, ExecuteError, Fault, Metadata, StoreError, Tx, on};

use super::{Bank, heard::Heard};
use crate::{
    accounts::{self, past},
    mutant::{self, Mutant},
};

/// How often leases that are overdue are looked for.
const TEND_EVERY: Duration = Duration::from_secs(5);
/// The most leases that one round takes back of one journal: what is left waits for the next.
const RECLAIMS_MAX: i64 = 500;

/// What a round of tending took back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// How many leases.
    pub reclaimed: usize,
}

impl Bank {
    /// Takes back, from time to time, the leases of nodes that are not heard of any more. `is_local` says which
    /// journals are locked by this very process: their leases are given back by their node, or by the next one that
    /// opens them, and never taken.
    pub async fn tend(self, is_local: impl Fn(JournalId) -> bool + Send + Sync + 'static) {
        let is_local: Arc<dyn Fn(JournalId) -> bool + Send + Sync> = Arc::new(is_local);
        let mut due = tokio::time::interval(TEND_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            match self.tend_once(Arc::clone(&is_local)).await {
                Ok(Tended { reclaimed: 0 }) => {}
                Ok(Tended { reclaimed }) => {
                    tracing::warn!(reclaimed, "leases of nodes that are not heard of were taken back");
                }
                Err(error) => tracing::error!(%error, "overdue leases are not taken back; trying again"),
            }
        }
    }

    /// One round of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tend_once(
        &self,
        is_local: Arc<dyn Fn(JournalId) -> bool + Send + Sync>,
    ) -> Result<Tended, StoreError> {
        let (heard, grace_ms) = (Arc::clone(&self.heard), self.grace_ms);
        let tended = self.log.transact::<_, AccountRefusal, _>(Metadata::default(), move |tx| {
            Box::pin(async move { Ok(tend(tx, &heard, grace_ms, &*is_local).await?) })
        });
        match tended.await {
            Ok((tended, _)) => {
                if tended.reclaimed > 0 {
                    self.recalls.freed();
                }
                Ok(tended)
            }
            Err(ExecuteError::Store(error)) => Err(error),
            // Nothing here refuses, and nothing has a key.
            Err(ExecuteError::Refused(_) | ExecuteError::KeyReused) => Err(StoreError::Malformed("lease")),
        }
    }
}

/// A lease whose time is over, by the database's clock.
struct Overdue {
    lease_id: LeaseId,
    account_id: AccountId,
    ttl_ms: u64,
}

async fn tend(
    tx: &mut Tx,
    heard: &Heard,
    grace_ms: u64,
    is_local: &(dyn Fn(JournalId) -> bool + Send + Sync),
) -> Result<Tended, StoreError> {
    let now = tx.now();
    past::forget(tx.connection(), now).await?;
    let before = now.minus_ms(grace_ms);
    let mut tended = Tended::default();
    for journal_id in journals(tx.connection(), before).await? {
        if is_local(journal_id) {
            continue;
        }
        for lease in overdue(tx.connection(), journal_id, before).await? {
            // Either clock may be wrong, but not both: the database's may jump, this process's only knows its own life.
            let heard_of = heard.silent_ms(journal_id) <= lease.ttl_ms.saturating_add(grace_ms);
            if heard_of && !mutant::is(Mutant::HeardIgnored) {
                continue;
            }
            let end = AccountCommand::EndLease { lease_id: lease.lease_id, end: LeaseEnd::Reclaimed };
            match accounts::decide::<AccountRefusal>(tx, lease.account_id, end).await {
                Ok(_) => tended.reclaimed += 1,
                Err(Fault::Refused(refusal)) => {
                    tracing::error!(%refusal, lease_id = %lease.lease_id, "a lease is not taken back");
                }
                Err(Fault::Store(error)) => return Err(error),
            }
        }
    }
    Ok(tended)
}

/// The journals that have overdue leases, and of which no other control node has taken anything in since. Holds end by
/// their jobs, whatever time it is.
async fn journals(connection: &mut Connection, before: TimeStamp) -> Result<Vec<JournalId>, StoreError> {
    let sql = "SELECT DISTINCT l.journal_id FROM leases l LEFT JOIN journals j ON j.journal_id = l.journal_id \
               WHERE l.journal_id <> $1 AND l.granted_at + l.ttl_ms * 1000 < $2 \
               AND (j.ingested_at IS NULL OR j.ingested_at + l.ttl_ms * 1000 < $2)";
    let spared = if mutant::is(Mutant::HoldReclaimed) { String::new() } else { JournalId::HOLDS.to_string() };
    let ids: Vec<String> = on!(connection, c => {
        sqlx::query_scalar(sql)
            .bind(&spared)
            .bind(before.micros())
            .fetch_all(c)
            .await?
    });
    ids.iter().map(|id| id.parse().map_err(|_| StoreError::Malformed("journal id"))).collect()
}

async fn overdue(
    connection: &mut Connection,
    journal_id: JournalId,
    before: TimeStamp,
) -> Result<Vec<Overdue>, StoreError> {
    let sql = "SELECT lease_id, account_id, ttl_ms FROM leases \
               WHERE journal_id = $1 AND granted_at + ttl_ms * 1000 < $2 ORDER BY granted_at, lease_id LIMIT $3";
    let rows: Vec<(String, String, i64)> = on!(connection, c => {
        sqlx::query_as(sql)
            .bind(journal_id.to_string())
            .bind(before.micros())
            .bind(RECLAIMS_MAX)
            .fetch_all(c)
            .await?
    });
    let malformed = |_| StoreError::Malformed("lease");
    rows.into_iter()
        .map(|(lease_id, account_id, ttl_ms)| {
            Ok(Overdue {
                lease_id: lease_id.parse().map_err(malformed)?,
                account_id: account_id.parse().map_err(malformed)?,
                ttl_ms: u64::try_from(ttl_ms).map_err(|_| StoreError::Malformed("lease"))?,
            })
        })
        .collect()
}
