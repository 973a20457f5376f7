//! What the table has.

use std::collections::BTreeMap;

use eventlog::{Connection, PAGE_MAX, Rows, StoreError, on};

use super::corrections::Share;
use crate::{
    calls::row::{COLUMNS, CallRow, Columns},
    model::{signed, unsigned},
};

/// What is listed after `after` up to `until`, as it was before any correction; `None` where it cannot be read.
pub(super) async fn uncorrected(
    connection: &mut Connection,
    table: &str,
    after: u64,
    until: u64,
) -> Result<BTreeMap<u64, Option<CallRow>>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM {table} WHERE position > $1 AND position <= $2 ORDER BY position");
    let rows: Vec<Columns> = on!(connection, c => {
        sqlx::query_as(&sql).bind(signed(after)).bind(signed(until)).fetch_all(c).await?
    });
    let uncorrected = |row: CallRow| CallRow { corrected_nanos: 0, ..row };
    rows.into_iter().map(|row| Ok((row.position()?, row.read().ok().map(uncorrected)))).collect()
}

/// The first call after `after` that is listed.
pub(super) async fn next(
    connection: &mut Connection,
    table: &str,
    after: u64,
) -> Result<Option<u64>, StoreError> {
    let sql = format!("SELECT position FROM {table} WHERE position > $1 ORDER BY position LIMIT 1");
    let found: Option<i64> =
        on!(connection, c => sqlx::query_scalar(&sql).bind(signed(after)).fetch_optional(c).await?);
    found.map(unsigned).transpose()
}

/// The next calls after `after` that are listed as corrected; `None` where one cannot be read.
pub(super) async fn corrected(
    connection: &mut Connection,
    table: &str,
    after: u64,
) -> Result<Vec<(u64, Option<CallRow>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {table} WHERE position > $1 AND corrected_nanos <> 0 ORDER BY position LIMIT $2"
    );
    let limit = signed(PAGE_MAX as u64);
    let rows: Vec<Columns> =
        on!(connection, c => sqlx::query_as(&sql).bind(signed(after)).bind(limit).fetch_all(c).await?);
    rows.into_iter().map(|row| Ok((row.position()?, row.read().ok()))).collect()
}

/// The positions of the calls that these accounts pay.
pub(super) async fn paid(
    connection: &mut Connection,
    table: &str,
    shares: &[Share],
) -> Result<Vec<u64>, StoreError> {
    let sql = format!(
        "SELECT t.position FROM {{rows}} JOIN {table} AS t ON t.call_id = r.call_id AND t.part = r.part \
         AND t.account_id = r.account_id"
    );
    let cells = |(call_id, part, account_id): &Share| {
        [call_id.to_string().into(), (*part).into(), account_id.to_string().into()]
    };
    let rows = Rows::new(["call_id", "part", "account_id"], shares.iter().map(cells).collect());
    let found: Vec<(i64,)> = rows.fetch(connection, &sql).await?;
    found.into_iter().map(|(position,)| unsigned(position)).collect()
}
