//! Reading: in order, without holes, or with an error that says where.

use std::collections::HashMap;

use domain::{Log, TimeStamp};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{Heads, Recorded, StoreError, leaf::table};

/// The most events that are read at once.
pub const PAGE_MAX: usize = 1_000;

pub(crate) const COLUMNS: &str = "position, stream, version, event_id, event_type, schema_version, payload, metadata, recorded_at, leaf_hash";

/// Reads both logs beside their writer. A cheap handle.
#[derive(Clone, Debug)]
pub struct LogReader {
    pool: SqlitePool,
    ids: [Uuid; 2],
}

/// Which events of a log are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this stream.
    pub stream: Option<String>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Asked for by this actor.
    pub actor: Option<String>,
}

impl LogReader {
    pub(crate) async fn new(pool: SqlitePool) -> Result<Self, StoreError> {
        let mut ids = [Uuid::nil(); 2];
        for log in Log::ALL {
            let id: Vec<u8> = sqlx::query_scalar("SELECT log_id FROM heads WHERE log = ?")
                .bind(log.as_str())
                .fetch_one(&pool)
                .await?;
            ids[log as usize] = Uuid::from_slice(&id).map_err(|_| StoreError::Malformed("log id"))?;
        }
        Ok(Self { pool, ids })
    }

    /// Names a log: a restored or foreign one has another id.
    pub const fn log_id(&self, log: Log) -> Uuid {
        self.ids[log as usize]
    }

    /// The pool it reads with.
    pub const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// How far the logs have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heads(&self) -> Result<Heads, StoreError> {
        heads(&mut *self.pool.acquire().await?).await
    }

    /// The next events after `after`, at most `limit` and [`PAGE_MAX`].
    ///
    /// # Errors
    /// When the log has a hole there, or the database fails.
    pub async fn read(&self, log: Log, after: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM {} WHERE position > ? ORDER BY position LIMIT ?", table(log));
        let rows = sqlx::query(&sql)
            .bind(signed(after))
            .bind(signed(limit.min(PAGE_MAX) as u64))
            .fetch_all(&self.pool)
            .await?;
        let mut expected = after;
        rows.iter()
            .map(|row| {
                expected += 1;
                let event = recorded(log, row)?;
                if event.position == expected {
                    Ok(event)
                } else {
                    Err(StoreError::Hole { log, expected, found: event.position })
                }
            })
            .collect()
    }

    /// The next events after `after` that `filter` picks; holes are by design.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(
        &self,
        log: Log,
        after: u64,
        limit: usize,
        filter: &Filter,
    ) -> Result<Vec<Recorded>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE position > ?1 AND (?2 IS NULL OR stream = ?2) \
             AND (?3 IS NULL OR event_type = ?3) AND (?4 IS NULL OR metadata->>'actor' = ?4) \
             ORDER BY position LIMIT ?5",
            table(log)
        );
        let rows = sqlx::query(&sql)
            .bind(signed(after))
            .bind(&filter.stream)
            .bind(&filter.event_type)
            .bind(&filter.actor)
            .bind(signed(limit.min(PAGE_MAX) as u64))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| recorded(log, row)).collect()
    }

    /// Everything that happened in one stream.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stream(&self, log: Log, stream: &str) -> Result<Vec<Recorded>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        self::stream(&mut connection, log, stream).await
    }

    /// A person's value, opened; `None` when their key was destroyed.
    ///
    /// # Errors
    /// When it does not open, or the database fails.
    pub async fn open_for(
        &self,
        sealer: &crate::Sealer,
        subject: &str,
        place: &str,
        sealed: &domain::Sealed,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let wrapped: Option<String> =
            sqlx::query_scalar("SELECT wrapped FROM subject_keys WHERE subject = ?")
                .bind(subject)
                .fetch_optional(&self.pool)
                .await?;
        Ok(wrapped.map(|wrapped| sealer.open_under(&wrapped, subject, place, sealed)).transpose()?)
    }
}

pub(crate) async fn heads(connection: &mut SqliteConnection) -> Result<Heads, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT log, position FROM heads").fetch_all(connection).await?;
    let mut heads = Heads::default();
    for (log, position) in rows {
        let log = Log::from_name(&log).ok_or(StoreError::Malformed("log"))?;
        heads.set(log, u64::try_from(position).map_err(|_| StoreError::Malformed("position"))?);
    }
    Ok(heads)
}

pub(crate) async fn stream(
    connection: &mut SqliteConnection,
    log: Log,
    stream: &str,
) -> Result<Vec<Recorded>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {} WHERE stream = ? ORDER BY version", table(log));
    let mut rows = sqlx::query(&sql).bind(stream).fetch(connection);
    let mut events = Vec::new();
    while let Some(row) = rows.try_next().await? {
        events.push(recorded(log, &row)?);
    }
    Ok(events)
}

/// The versions of the streams that exist.
pub(crate) async fn versions(
    connection: &mut SqliteConnection,
    streams: &[(Log, &str)],
) -> Result<HashMap<(Log, String), u64>, StoreError> {
    let mut versions = HashMap::with_capacity(streams.len());
    for log in Log::ALL {
        let names: Vec<&str> =
            streams.iter().filter(|(of, _)| *of == log).map(|(_, stream)| *stream).collect();
        if names.is_empty() {
            continue;
        }
        // The last version of a stream is the end of its part of the index: one step per stream.
        let sql = format!(
            "SELECT s.value, (SELECT MAX(version) FROM {} WHERE stream = s.value) FROM json_each(?) s",
            table(log)
        );
        let names = serde_json::to_string(&names).map_err(StoreError::Encode)?;
        let rows: Vec<(String, Option<i64>)> =
            sqlx::query_as(&sql).bind(names).fetch_all(&mut *connection).await?;
        for (stream, version) in rows {
            let version =
                u64::try_from(version.unwrap_or(0)).map_err(|_| StoreError::Malformed("version"))?;
            versions.insert((log, stream), version);
        }
    }
    Ok(versions)
}

/// Where an event stands.
pub(crate) fn place(row: &SqliteRow) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64, _>(0)?).map_err(|_| StoreError::Malformed("position"))
}

pub(crate) fn recorded(log: Log, row: &SqliteRow) -> Result<Recorded, StoreError> {
    let number = |column| -> Result<u64, StoreError> {
        u64::try_from(row.try_get::<i64, _>(column)?)
            .map_err(|_| StoreError::Malformed("position or version"))
    };
    let event_id: String = row.try_get(3)?;
    let leaf_hash: Vec<u8> = row.try_get(9)?;
    Ok(Recorded {
        log,
        position: number(0)?,
        stream: row.try_get(1)?,
        version: number(2)?,
        event_id: Uuid::try_parse(&event_id).map_err(|_| StoreError::Malformed("event id"))?,
        event_type: row.try_get(4)?,
        schema_version: u32::try_from(number(5)?).map_err(|_| StoreError::Malformed("schema version"))?,
        payload: row.try_get(6)?,
        metadata: row.try_get(7)?,
        recorded_at: TimeStamp::from_micros(row.try_get(8)?),
        leaf_hash: leaf_hash.try_into().map_err(|_| StoreError::Malformed("leaf hash"))?,
    })
}

/// Positions and versions are far below 2⁶³.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
