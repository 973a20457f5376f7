//! The table, and the events that its rows are made from.

use domain::Log;

use super::Snapshot;
use crate::{Connection, Recorded, StoreError, leaf::table, on, reader};

/// How many events are folded at a time: what else runs on that thread waits no longer than for these.
pub(super) const FOLD_PAGE: usize = 256;

/// A snapshot as the table has it.
type Row = (String, i64, Vec<u8>, Vec<u8>, String);

fn snapshot(log: Log, (stream, version, schema_hash, leaf_hash, payload): Row) -> Snapshot {
    // What cannot be a version is the version of no event, and so nothing that stands.
    let version = u64::try_from(version).unwrap_or(0);
    Snapshot { log, stream, version, schema_hash, leaf_hash, payload }
}

/// The snapshot of a stream, if its last event is one that stands there.
pub(super) async fn standing(
    connection: &mut Connection,
    log: Log,
    stream: &str,
) -> Result<Option<Snapshot>, StoreError> {
    let events = table(log);
    one(connection, log, stream, &format!("JOIN {events} e USING (stream, version, leaf_hash)")).await
}

/// The snapshot of a stream, whatever it says.
pub(super) async fn find(
    connection: &mut Connection,
    log: Log,
    stream: &str,
) -> Result<Option<Snapshot>, StoreError> {
    one(connection, log, stream, "").await
}

async fn one(
    connection: &mut Connection,
    log: Log,
    stream: &str,
    join: &str,
) -> Result<Option<Snapshot>, StoreError> {
    let sql = format!(
        "SELECT s.stream, s.version, s.schema_hash, s.leaf_hash, s.payload FROM snapshots s {join} \
         WHERE s.log = $1 AND s.stream = $2"
    );
    let row: Option<Row> = on!(connection, c => {
        sqlx::query_as(&sql).bind(log.as_str()).bind(stream).fetch_optional(c).await?
    });
    Ok(row.map(|row| snapshot(log, row)))
}

/// Every stream of a log that has a snapshot.
pub(super) async fn streams(connection: &mut Connection, log: Log) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT stream FROM snapshots WHERE log = $1 ORDER BY stream";
    Ok(on!(connection, c => sqlx::query_scalar(sql).bind(log.as_str()).fetch_all(c).await?))
}

/// Puts it in the place of the one before.
pub(super) async fn put(connection: &mut Connection, snapshot: &Snapshot) -> Result<(), StoreError> {
    let sql = "INSERT INTO snapshots(log, stream, version, schema_hash, leaf_hash, payload) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (log, stream) DO UPDATE SET version = excluded.version, \
               schema_hash = excluded.schema_hash, leaf_hash = excluded.leaf_hash, payload = excluded.payload";
    on!(connection, c => {
        sqlx::query(sql)
            .bind(snapshot.log.as_str())
            .bind(&snapshot.stream)
            .bind(reader::signed(snapshot.version))
            .bind(&snapshot.schema_hash)
            .bind(&snapshot.leaf_hash)
            .bind(&snapshot.payload)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// The next events of a stream after a version, at most [`FOLD_PAGE`].
pub(super) async fn events(
    connection: &mut Connection,
    log: Log,
    stream: &str,
    after: u64,
) -> Result<Vec<Recorded>, StoreError> {
    let sql = reader::select(log, "WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3");
    let rows: Vec<reader::Row> = on!(connection, c => {
        sqlx::query_as(&sql)
            .bind(stream)
            .bind(reader::signed(after))
            .bind(reader::signed(FOLD_PAGE as u64))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(|row| row.read(log)).collect()
}
