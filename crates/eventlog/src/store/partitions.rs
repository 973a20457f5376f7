//! Parts of a log by position, in Postgres: each is made before the first event that belongs to it.
//!
//! A part is made beside the log and attached, which no reader waits for; it is made in the transaction that needs it,
//! under the heads, so that two control nodes never make the same one.

use domain::Log;

use super::{Connection, Dialect, StoreError};
use crate::{leaf::table, on};

/// How many events a part holds, unless it is said otherwise: some 5 GB.
pub(crate) const PARTITION_EVENTS: u64 = 10_000_000;

/// The last position of each log for which there is room.
pub(crate) async fn covered(connection: &mut Connection) -> Result<[u64; 2], StoreError> {
    if connection.dialect() == Dialect::Sqlite {
        return Ok([u64::MAX; 2]);
    }
    let rows: Vec<(String, i64)> = on!(connection, c => {
        sqlx::query_as("SELECT log, MAX(last) FROM partitions GROUP BY log").fetch_all(c).await?
    });
    let mut covered = [0; 2];
    for (log, last) in rows {
        let log = Log::from_name(&log).ok_or(StoreError::Malformed("log"))?;
        covered[log as usize] = u64::try_from(last).map_err(|_| StoreError::Malformed("position"))?;
    }
    Ok(covered)
}

/// Makes room behind `covered` for `size` more events, and says up to where there is room then.
pub(crate) async fn extend(
    connection: &mut Connection,
    log: Log,
    covered: u64,
    size: u64,
) -> Result<u64, StoreError> {
    let (parent, first) = (table(log), covered + 1);
    let end = first.saturating_add(size);
    let part = format!("{parent}_{first}");
    connection
        .script(&format!(
            "CREATE TABLE {part}(LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); \
             ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({first}) TO ({end}); \
             CREATE TRIGGER {part}_no_truncate BEFORE TRUNCATE ON {part} \
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(); \
             INSERT INTO partitions VALUES ('{log}', {first}, {})",
            end - 1
        ))
        .await?;
    Ok(end - 1)
}
