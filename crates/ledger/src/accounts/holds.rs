//! Holds as they stand: written by the decisions that make and end them.

use std::collections::BTreeSet;

use domain::{HoldId, LeaseId, Nanos, account::Scope};
use eventlog::{Connection, StoreError, on};
use serde::{Deserialize, Serialize};

/// How a hold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldEnd {
    /// Its job was charged.
    Settled,
    /// Its job was provably billed nowhere.
    Voided,
}

/// A hold, open or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldRow {
    /// The accounts it is on, each with the lease that keeps its quota where the account is limited.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) amount: Nanos,
    pub(crate) ended: Option<HoldEnd>,
}

impl HoldEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Voided => "voided",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Settled, Self::Voided].into_iter().find(|end| end.as_str() == name)
    }
}

pub(crate) async fn find(
    connection: &mut Connection,
    hold_id: HoldId,
) -> Result<Option<HoldRow>, StoreError> {
    let row: Option<(String, i64, Option<String>)> = on!(connection, c => {
        sqlx::query_as("SELECT scopes, amount, ended FROM holds WHERE hold_id = $1")
            .bind(hold_id.to_string())
            .fetch_optional(c)
            .await?
    });
    let Some((scopes, amount, ended)) = row else { return Ok(None) };
    let malformed = || StoreError::Malformed("hold");
    let amount = u64::try_from(amount).ok().and_then(|amount| Nanos::new(amount).ok());
    let ended = ended.map(|name| HoldEnd::from_name(&name).ok_or_else(malformed)).transpose()?;
    let scopes = serde_json::from_str(&scopes).map_err(|_| malformed())?;
    Ok(Some(HoldRow { scopes, amount: amount.ok_or_else(malformed)?, ended }))
}

pub(crate) async fn insert(
    connection: &mut Connection,
    hold_id: HoldId,
    row: &HoldRow,
) -> Result<(), StoreError> {
    let scopes = serde_json::to_string(&row.scopes).map_err(StoreError::Encode)?;
    on!(connection, c => {
        sqlx::query("INSERT INTO holds VALUES ($1, $2, $3, $4)")
            .bind(hold_id.to_string())
            .bind(scopes)
            .bind(row.amount.get().cast_signed())
            .bind(row.ended.map(HoldEnd::as_str))
            .execute(c)
            .await?;
    });
    Ok(())
}

pub(crate) async fn end(
    connection: &mut Connection,
    hold_id: HoldId,
    end: HoldEnd,
) -> Result<(), StoreError> {
    on!(connection, c => {
        sqlx::query("UPDATE holds SET ended = $2 WHERE hold_id = $1 AND ended IS NULL")
            .bind(hold_id.to_string())
            .bind(end.as_str())
            .execute(c)
            .await?;
    });
    Ok(())
}

/// The leases that open holds keep, as a snapshot sees them.
pub(crate) async fn leases(connection: &mut Connection) -> Result<BTreeSet<LeaseId>, StoreError> {
    let rows: Vec<(String,)> = on!(connection, c => {
        sqlx::query_as("SELECT scopes FROM holds WHERE ended IS NULL").fetch_all(c).await?
    });
    let mut leases = BTreeSet::new();
    for (scopes,) in rows {
        let scopes: Vec<Scope> = serde_json::from_str(&scopes).map_err(|_| StoreError::Malformed("hold"))?;
        leases.extend(scopes.into_iter().filter_map(|scope| scope.lease_id));
    }
    Ok(leases)
}
