//! Accounts as they stand: kept in a table that follows in the append transaction, and decided upon there.
//!
//! An account is not the fold of its own stream alone, since a call is charged to several accounts by one event. So
//! its state is kept, and only audits fold it anew.

pub(crate) mod holds;
pub(crate) mod past;

use std::collections::{BTreeSet, HashMap};

use domain::{
    AccountId, Aggregate, JournalId, LeaseId, Log, TimeStamp,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal},
    budget::{Budget, BudgetWindowEvent},
};
use eventlog::{
    Cell, Component, Connection, Fault, Inline, Migration, NewEvent, Pool, Recorded, Rows, StoreError,
    StreamAppend, Tx, decode, on, stream_name,
};
use futures_util::future::BoxFuture;
use sqlx::FromRow;

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
    connection: &mut Connection,
    ids: &BTreeSet<AccountId>,
) -> Result<HashMap<AccountId, AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id IN (SELECT id FROM {{rows}})");
    let ids = ids.iter().map(|id| [Cell::from(id.to_string())]).collect();
    let rows: Vec<Stored> = Rows::new(["id"], ids).fetch(connection, &sql).await?;
    rows.into_iter().map(Stored::read).collect()
}

/// One account.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id = $1");
    let row: Option<Stored> = on!(&mut pool.acquire().await?, c => {
        sqlx::query_as(&sql).bind(id.to_string()).fetch_optional(c).await?
    });
    Ok(row.map(Stored::read).transpose()?.map(|(_, row)| row))
}

/// Accounts in the order of their ids, from after `after`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<AccountRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2");
    let rows: Vec<Stored> = on!(&mut pool.acquire().await?, c => {
        sqlx::query_as(&sql)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(|row| row.read().map(|(_, row)| row)).collect()
}

/// The ids of accounts in their order, from after `after`, also of those that were named before they were opened.
///
/// # Errors
/// When the database fails.
pub async fn ids(pool: &Pool, after: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, StoreError> {
    let sql = "SELECT account_id FROM accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2";
    let ids: Vec<(String,)> = on!(&mut pool.acquire().await?, c => {
        sqlx::query_as(sql)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await?
    });
    ids.into_iter().map(|(id,)| id.parse().map_err(|_| StoreError::Malformed("account id"))).collect()
}

/// Which accounts' sums these events of the ledger log change.
///
/// # Errors
/// When one cannot be read.
pub fn touched(events: &[Recorded]) -> Result<BTreeSet<AccountId>, StoreError> {
    let mut touched = BTreeSet::new();
    for event in events {
        if let Some((id, happened)) = account_event(event)? {
            touched.extend(happened.touched(id));
        }
    }
    Ok(touched)
}

/// Every account, as a snapshot sees it.
pub(crate) async fn all(connection: &mut Connection) -> Result<HashMap<AccountId, Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts");
    let rows: Vec<Stored> = on!(connection, c => sqlx::query_as(&sql).fetch_all(c).await?);
    rows.into_iter().map(|row| row.read().map(|(id, row)| (id, row.account))).collect()
}

/// A lease that is open, whose quota it is, and the journal that spends it.
pub(crate) type OpenLease = (LeaseId, AccountId, JournalId);

/// The list of open leases, as a snapshot sees it.
pub(crate) async fn leases(connection: &mut Connection) -> Result<BTreeSet<OpenLease>, StoreError> {
    let sql = "SELECT lease_id, account_id, journal_id FROM leases";
    let rows: Vec<(String, String, String)> = on!(connection, c => sqlx::query_as(sql).fetch_all(c).await?);
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
        trace: None,
    })
}

/// An event of the ledger log with the account whose stream holds it; `None` for other kinds of streams. A budget's
/// window is opened in the budget's name, which is where its account begins.
pub(crate) fn account_event(event: &Recorded) -> Result<Option<(AccountId, AccountEvent)>, StoreError> {
    match (event.log, event.kind()) {
        (Log::Ledger, Account::KIND) => {
            let id = event.id().parse().map_err(|_| StoreError::Malformed("account id"))?;
            Ok(Some((id, decode(event)?)))
        }
        (Log::Ledger, Budget::KIND) => {
            let opened: BudgetWindowEvent = decode(event)?;
            let BudgetWindowEvent::Opened { account_id, .. } = opened;
            Ok(Some((account_id, AccountEvent::from(&opened))))
        }
        _ => Ok(None),
    }
}

impl Inline for Accounts {
    fn component(&self) -> Component {
        const V1: Migration = Migration {
            sqlite: include_str!("accounts/v1.sql"),
            postgres: include_str!("accounts/v1.postgres.sql"),
        };
        const V2: Migration = Migration {
            sqlite: include_str!("accounts/v2.sql"),
            postgres: include_str!("accounts/v2.postgres.sql"),
        };
        Component { name: "ledger", migrations: &[V1, V2] }
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(follow(connection, events))
    }
}

async fn follow(connection: &mut Connection, events: &[Recorded]) -> Result<(), StoreError> {
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

async fn store(connection: &mut Connection, rows: &HashMap<AccountId, AccountRow>) -> Result<(), StoreError> {
    let writes = rows
        .iter()
        .map(|(id, row)| {
            let state = serde_json::to_string(&row.account).map_err(StoreError::Encode)?;
            Ok([
                Cell::from(id.to_string()),
                row.version.into(),
                state.into(),
                row.opened_at.micros().into(),
                row.updated_at.micros().into(),
            ])
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let sql = "INSERT INTO accounts SELECT * FROM {rows} WHERE true ON CONFLICT (account_id) DO UPDATE \
               SET version = excluded.version, state = excluded.state, updated_at = excluded.updated_at";
    let columns = ["account_id", "version", "state", "opened_at", "updated_at"];
    Rows::new(columns, writes).execute(connection, sql).await
}

async fn follow_lease(
    connection: &mut Connection,
    id: AccountId,
    event: &AccountEvent,
    at: TimeStamp,
) -> Result<(), StoreError> {
    match event {
        AccountEvent::QuotaLeased { lease_id, journal_id, ttl_ms, .. } => {
            on!(connection, c => {
                sqlx::query("INSERT INTO leases VALUES ($1, $2, $3, $4, $5)")
                    .bind(lease_id.to_string())
                    .bind(id.to_string())
                    .bind(journal_id.to_string())
                    .bind(at.micros())
                    .bind(i64::try_from(*ttl_ms).unwrap_or(i64::MAX))
                    .execute(c)
                    .await?;
            });
        }
        AccountEvent::LeaseClosed { lease_id, .. } => {
            on!(&mut *connection, c => {
                sqlx::query("DELETE FROM leases WHERE lease_id = $1").bind(lease_id.to_string()).execute(c).await?;
            });
            past::ended(connection, *lease_id, at).await?;
        }
        _ => {}
    }
    Ok(())
}
