//! Accounts as they stand: kept in a table that follows in the append transaction, and decided upon there.
//!
//! An account is not the fold of its own stream alone, since a call is charged to several accounts by one event. So
//! its state is kept, and only audits fold it anew.

use std::collections::{BTreeSet, HashMap};

use domain::{
    AccountId, Aggregate, JournalId, LeaseId, Log, TimeStamp,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal},
};
use eventlog::{
    Component, Fault, Inline, NewEvent, Recorded, StoreError, StreamAppend, Tx, decode, stream_name,
};
use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection, SqlitePool};

/// An account with when it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// What it comes to.
    pub account: Account,
    /// How many events have changed it, its own stream's and others'.
    pub version: u64,
    /// When it was opened.
    pub opened_at: TimeStamp,
    /// When it last changed.
    pub updated_at: TimeStamp,
}

/// The read model: every account, every open lease.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accounts;

#[derive(FromRow)]
struct Stored {
    account_id: String,
    version: i64,
    state: String,
    opened_at: i64,
    updated_at: i64,
}

impl Stored {
    fn read(self) -> Result<(AccountId, AccountRow), StoreError> {
        let row = AccountRow {
            account: serde_json::from_str(&self.state).map_err(|_| StoreError::Malformed("account"))?,
            version: u64::try_from(self.version).map_err(|_| StoreError::Malformed("version"))?,
            opened_at: TimeStamp::from_micros(self.opened_at),
            updated_at: TimeStamp::from_micros(self.updated_at),
        };
        Ok((self.account_id.parse().map_err(|_| StoreError::Malformed("account id"))?, row))
    }
}

const COLUMNS: &str = "account_id, version, state, opened_at, updated_at";

/// The accounts of these ids that exist, as the transaction sees them.
///
/// # Errors
/// When the database fails.
pub async fn load(
    connection: &mut SqliteConnection,
    ids: &BTreeSet<AccountId>,
) -> Result<HashMap<AccountId, AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id IN (SELECT value FROM json_each(?))");
    let ids = serde_json::to_string(ids).map_err(StoreError::Encode)?;
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(ids).fetch_all(connection).await?;
    rows.into_iter().map(Stored::read).collect()
}

/// One account.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &SqlitePool, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id = ?");
    let row: Option<Stored> = sqlx::query_as(&sql).bind(id.to_string()).fetch_optional(pool).await?;
    Ok(row.map(Stored::read).transpose()?.map(|(_, row)| row))
}

/// Accounts in the order of their ids, from after `after`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &SqlitePool,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id > ? ORDER BY account_id LIMIT ?");
    let rows: Vec<Stored> = sqlx::query_as(&sql)
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    rows.into_iter().map(|row| row.read().map(|(_, row)| row)).collect()
}

/// Every account, as a snapshot sees it.
pub(crate) async fn all(
    connection: &mut SqliteConnection,
) -> Result<HashMap<AccountId, Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts");
    let rows: Vec<Stored> = sqlx::query_as(&sql).fetch_all(connection).await?;
    rows.into_iter().map(|row| row.read().map(|(id, row)| (id, row.account))).collect()
}

/// A lease that is open, whose quota it is, and the journal that spends it.
pub(crate) type OpenLease = (LeaseId, AccountId, JournalId);

/// The list of open leases, as a snapshot sees it.
pub(crate) async fn leases(connection: &mut SqliteConnection) -> Result<BTreeSet<OpenLease>, StoreError> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT lease_id, account_id, journal_id FROM leases").fetch_all(connection).await?;
    let malformed = |_| StoreError::Malformed("lease");
    rows.iter()
        .map(|(lease, account, journal)| {
            Ok((
                lease.parse().map_err(malformed)?,
                account.parse().map_err(malformed)?,
                journal.parse().map_err(malformed)?,
            ))
        })
        .collect()
}

/// Asks an account, and appends what it answers.
///
/// # Errors
/// When it refuses, or the store fails.
pub async fn decide<R: From<AccountRefusal>>(
    tx: &mut Tx,
    id: AccountId,
    command: AccountCommand,
) -> Result<Vec<AccountEvent>, Fault<R>> {
    let found = load(tx.connection(), &BTreeSet::from([id])).await?.remove(&id);
    let account = found.map(|row| row.account).unwrap_or_default();
    let events = account.decide(command).map_err(|refusal| Fault::Refused(refusal.into()))?;
    let appends = events.iter().map(|event| append_of(id, event)).collect::<Result<_, _>>()?;
    tx.append(appends).await?;
    Ok(events)
}

/// An event for an account's stream.
pub(crate) fn append_of(id: AccountId, event: &AccountEvent) -> Result<StreamAppend, StoreError> {
    Ok(StreamAppend {
        log: Log::Ledger,
        stream: stream_name(Account::KIND, &id.to_string()),
        expected: None,
        events: vec![NewEvent::of(event)?],
    })
}

/// An event of the ledger log with the account whose stream holds it; `None` for other kinds of streams.
pub(crate) fn account_event(event: &Recorded) -> Result<Option<(AccountId, AccountEvent)>, StoreError> {
    if event.log != Log::Ledger || event.kind() != Account::KIND {
        return Ok(None);
    }
    let id = event.id().parse().map_err(|_| StoreError::Malformed("account id"))?;
    Ok(Some((id, decode(event)?)))
}

#[derive(Serialize)]
struct AccountWrite(AccountId, u64, String, i64, i64);

impl Inline for Accounts {
    fn component(&self) -> Component {
        Component { name: "ledger", migrations: &[include_str!("accounts/v1.sql")] }
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut SqliteConnection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(follow(connection, events))
    }
}

async fn follow(connection: &mut SqliteConnection, events: &[Recorded]) -> Result<(), StoreError> {
    let mut decoded = Vec::with_capacity(events.len());
    for event in events {
        if let Some((id, happened)) = account_event(event)? {
            decoded.push((id, happened, event.recorded_at));
        }
    }
    if decoded.is_empty() {
        return Ok(());
    }
    let touched = decoded.iter().flat_map(|(id, event, _)| event.touched(*id)).collect();
    let mut rows = load(connection, &touched).await?;
    for (id, event, at) in &decoded {
        for account_id in event.touched(*id).collect::<BTreeSet<_>>() {
            let row = rows.entry(account_id).or_insert_with(|| AccountRow {
                account: Account::default(),
                version: 0,
                opened_at: *at,
                updated_at: *at,
            });
            row.account.evolve(event);
            row.version += 1;
            row.updated_at = *at;
        }
        follow_lease(connection, *id, event, *at).await?;
    }
    store(connection, &rows).await
}

async fn store(
    connection: &mut SqliteConnection,
    rows: &HashMap<AccountId, AccountRow>,
) -> Result<(), StoreError> {
    let writes = rows
        .iter()
        .map(|(id, row)| {
            let state = serde_json::to_string(&row.account).map_err(StoreError::Encode)?;
            Ok(AccountWrite(*id, row.version, state, row.opened_at.micros(), row.updated_at.micros()))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let writes = serde_json::to_string(&writes).map_err(StoreError::Encode)?;
    sqlx::query(
        "INSERT INTO accounts SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(?) WHERE true \
         ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state, \
         updated_at = excluded.updated_at",
    )
    .bind(writes)
    .execute(connection)
    .await?;
    Ok(())
}

async fn follow_lease(
    connection: &mut SqliteConnection,
    id: AccountId,
    event: &AccountEvent,
    at: TimeStamp,
) -> Result<(), StoreError> {
    match event {
        AccountEvent::QuotaLeased { lease_id, journal_id, ttl_ms, .. } => {
            sqlx::query("INSERT INTO leases VALUES (?, ?, ?, ?, ?)")
                .bind(lease_id.to_string())
                .bind(id.to_string())
                .bind(journal_id.to_string())
                .bind(at.micros())
                .bind(i64::try_from(*ttl_ms).unwrap_or(i64::MAX))
                .execute(connection)
                .await?;
        }
        AccountEvent::LeaseClosed { lease_id, .. } => {
            sqlx::query("DELETE FROM leases WHERE lease_id = ?")
                .bind(lease_id.to_string())
                .execute(connection)
                .await?;
        }
        _ => {}
    }
    Ok(())
}
