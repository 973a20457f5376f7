//! What was granted before: a lease's id means one lease, also after that has ended.

use domain::{AccountId, JournalId, LeaseId, TimeStamp};
use eventlog::{Connection, StoreError, on};

/// How long the end of a lease is remembered, in milliseconds: longer than any request is under way.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

/// A lease whose id is known.
pub(crate) enum Known {
    /// It is open.
    Open(OpenLease),
    /// It has ended, or was given back before it was granted.
    Ended,
}

/// A lease that is listed as open.
pub(crate) struct OpenLease {
    pub(crate) account_id: AccountId,
    pub(crate) journal_id: JournalId,
    pub(crate) granted_at: TimeStamp,
    pub(crate) ttl_ms: u64,
}

/// What is known of a lease's id.
pub(crate) async fn known(
    connection: &mut Connection,
    lease_id: LeaseId,
) -> Result<Option<Known>, StoreError> {
    let open: Option<(String, String, i64, i64)> = on!(&mut *connection, c => {
        sqlx::query_as("SELECT account_id, journal_id, granted_at, ttl_ms FROM leases WHERE lease_id = $1")
            .bind(lease_id.to_string())
            .fetch_optional(c)
            .await?
    });
    if let Some((account_id, journal_id, granted_at, ttl_ms)) = open {
        let malformed = |_| StoreError::Malformed("lease");
        return Ok(Some(Known::Open(OpenLease {
            account_id: account_id.parse().map_err(malformed)?,
            journal_id: journal_id.parse().map_err(malformed)?,
            granted_at: TimeStamp::from_micros(granted_at),
            ttl_ms: u64::try_from(ttl_ms).map_err(|_| StoreError::Malformed("lease"))?,
        })));
    }
    let ended: Option<i64> = on!(connection, c => {
        sqlx::query_scalar("SELECT ended_at FROM ended_leases WHERE lease_id = $1")
            .bind(lease_id.to_string())
            .fetch_optional(c)
            .await?
    });
    Ok(ended.map(|_| Known::Ended))
}

/// Remembers that a lease has ended, also one that was never granted: its grant may still be under way.
pub(crate) async fn ended(
    connection: &mut Connection,
    lease_id: LeaseId,
    at: TimeStamp,
) -> Result<(), StoreError> {
    on!(connection, c => {
        sqlx::query("INSERT INTO ended_leases VALUES ($1, $2) ON CONFLICT (lease_id) DO NOTHING")
            .bind(lease_id.to_string())
            .bind(at.micros())
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Forgets ends that nobody asks for any more.
pub(crate) async fn forget(connection: &mut Connection, now: TimeStamp) -> Result<(), StoreError> {
    on!(connection, c => {
        sqlx::query("DELETE FROM ended_leases WHERE ended_at < $1")
            .bind(now.minus_ms(REMEMBERED_MS).micros())
            .execute(c)
            .await?;
    });
    Ok(())
}
