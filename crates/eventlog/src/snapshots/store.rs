//! The table, and the events that its rows are made from.

use domain::Log;
use sqlx::SqliteConnection;

use super::Snapshot;
use crate::{
    Recorded, StoreError,
    leaf::table,
    reader::{COLUMNS, recorded, signed},
};

/// How many events are folded at a time: what else runs on that thread waits no longer than for these.
pub(super) const FOLD_PAGE: usize = 256;

type Row = (String, i64, Vec<u8>, Vec<u8>, String);

fn snapshot(log: Log, (stream, version, schema_hash, leaf_hash, payload): Row) -> Snapshot {
    // What cannot be a version is the version of no event, and so nothing that stands.
    let version = u64::try_from(version).unwrap_or(0);
    Snapshot { log, stream, version, schema_hash, leaf_hash, payload }
}

/// The snapshot of a stream, if its last event is one that stands there.
pub(super) async fn standing(
    connection: &mut SqliteConnection,
    log: Log,
    stream: &str,
) -> Result<Option<Snapshot>, StoreError> {
    let sql = format!(
        "SELECT s.stream, s.version, s.schema_hash, s.leaf_hash, s.payload FROM snapshots s JOIN {} e \
         ON e.stream = s.stream AND e.version = s.version AND e.leaf_hash = s.leaf_hash \
         WHERE s.log = $1 AND s.stream = $2",
        table(log)
    );
    let row: Option<Row> =
        sqlx::query_as(&sql).bind(log.as_str()).bind(stream).fetch_optional(connection).await?;
    Ok(row.map(|row| snapshot(log, row)))
}

/// The snapshot of a stream, whatever it says.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    log: Log,
    stream: &str,
) -> Result<Option<Snapshot>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT stream, version, schema_hash, leaf_hash, payload FROM snapshots WHERE log = $1 AND stream = $2",
    )
    .bind(log.as_str())
    .bind(stream)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| snapshot(log, row)))
}

/// Every stream of a log that has a snapshot.
pub(super) async fn streams(connection: &mut SqliteConnection, log: Log) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT stream FROM snapshots WHERE log = $1 ORDER BY stream";
    Ok(sqlx::query_scalar(sql).bind(log.as_str()).fetch_all(connection).await?)
}

/// Puts it in the place of the one before.
pub(super) async fn put(connection: &mut SqliteConnection, snapshot: &Snapshot) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO snapshots(log, stream, version, schema_hash, leaf_hash, payload) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (log, stream) DO UPDATE SET version = excluded.version, \
         schema_hash = excluded.schema_hash, leaf_hash = excluded.leaf_hash, payload = excluded.payload",
    )
    .bind(snapshot.log.as_str())
    .bind(&snapshot.stream)
    .bind(signed(snapshot.version))
    .bind(snapshot.schema_hash.as_slice())
    .bind(snapshot.leaf_hash.as_slice())
    .bind(&snapshot.payload)
    .execute(connection)
    .await?;
    Ok(())
}

/// The next events of a stream after a version, at most [`FOLD_PAGE`].
pub(super) async fn events(
    connection: &mut SqliteConnection,
    log: Log,
    stream: &str,
    after: u64,
) -> Result<Vec<Recorded>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {} WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3",
        table(log)
    );
    let rows = sqlx::query(&sql)
        .bind(stream)
        .bind(signed(after))
        .bind(signed(FOLD_PAGE as u64))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| recorded(log, row)).collect()
}
