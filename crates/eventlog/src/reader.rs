//! Reading: in order, without holes, or with an error that says where.

mod happened;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use domain::{Log, TimeStamp};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sqlx::FromRow;
use uuid::Uuid;

pub use self::happened::Happened;
use crate::{
    Cell, Connection, Dialect, Heads, Pool, Recorded, Rows, StoreError, leaf::table, on, recent::Recent,
};

/// The most events that are read at once.
pub const PAGE_MAX: usize = 1_000;

/// Reads both logs beside their writer. A cheap handle.
#[derive(Clone, Debug)]
pub struct LogReader {
    pool: Pool,
    ids: [Uuid; 2],
    /// What was appended here lately; none beside another process that appends.
    recent: Option<Arc<Recent>>,
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
    pub(crate) async fn new(pool: Pool, recent: Option<Arc<Recent>>) -> Result<Self, StoreError> {
        let mut ids = [Uuid::nil(); 2];
        let mut connection = pool.acquire().await?;
        for log in Log::ALL {
            let id: Vec<u8> = on!(&mut connection, c => {
                sqlx::query_scalar("SELECT log_id FROM heads WHERE log = $1")
                    .bind(log.as_str())
                    .fetch_one(c)
                    .await?
            });
            ids[log as usize] = Uuid::from_slice(&id).map_err(|_| StoreError::Malformed("log id"))?;
        }
        drop(connection);
        Ok(Self { pool, ids, recent })
    }

    /// Names a log: a restored or foreign one has another id.
    pub const fn log_id(&self, log: Log) -> Uuid {
        self.ids[log as usize]
    }

    /// The pool it reads with.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How far the logs have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heads(&self) -> Result<Heads, StoreError> {
        heads(&mut self.pool.acquire().await?).await
    }

    /// The next events after `after`, at most `limit` and [`PAGE_MAX`].
    ///
    /// # Errors
    /// When the log has a hole there, or the database fails.
    pub async fn read(&self, log: Log, after: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let recent = self.recent.as_ref().and_then(|recent| recent.after(log, after, limit.min(PAGE_MAX)));
        if let Some(events) = recent {
            return Ok(events);
        }
        let sql = select(log, "WHERE position > $1 ORDER BY position LIMIT $2");
        let limit = signed(limit.min(PAGE_MAX) as u64);
        let rows: Vec<Row> = on!(&mut self.pool.acquire().await?, c => {
            sqlx::query_as(&sql).bind(signed(after)).bind(limit).fetch_all(c).await?
        });
        let mut expected = after;
        rows.into_iter()
            .map(|row| {
                expected += 1;
                let event = row.read(log)?;
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
        let sql = select(
            log,
            "WHERE position > $1 AND ($2 IS NULL OR stream = $2) AND ($3 IS NULL OR event_type = $3) \
             AND ($4 IS NULL OR {actor} = $4) ORDER BY position LIMIT $5",
        );
        let mut connection = self.pool.acquire().await?;
        let sql = sql.replace(
            "{actor}",
            match connection.dialect() {
                Dialect::Sqlite => "metadata->>'actor'",
                Dialect::Postgres => "metadata::json->>'actor'",
            },
        );
        let rows: Vec<Row> = on!(&mut connection, c => {
            sqlx::query_as(&sql)
                .bind(signed(after))
                .bind(&filter.stream)
                .bind(&filter.event_type)
                .bind(&filter.actor)
                .bind(signed(limit.min(PAGE_MAX) as u64))
                .fetch_all(c)
                .await?
        });
        rows.into_iter().map(|row| row.read(log)).collect()
    }

    /// Everything that happened in one stream.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stream(&self, log: Log, stream: &str) -> Result<Vec<Recorded>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        self::stream(&mut connection, log, stream).await
    }

    /// What happened in one stream before its version `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stream_back(
        &self,
        log: Log,
        stream: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let sql = select(log, "WHERE stream = $1 AND version < $2 ORDER BY version DESC LIMIT $3");
        let rows: Vec<Row> = on!(&mut self.pool.acquire().await?, c => {
            sqlx::query_as(&sql)
                .bind(stream)
                .bind(before.map_or(i64::MAX, signed))
                .bind(signed(limit.min(PAGE_MAX) as u64))
                .fetch_all(c)
                .await?
        });
        rows.into_iter().map(|row| row.read(log)).collect()
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
        let wrapped: Option<String> = on!(&mut self.pool.acquire().await?, c => {
            sqlx::query_scalar("SELECT wrapped FROM subject_keys WHERE subject = $1")
                .bind(subject)
                .fetch_optional(c)
                .await?
        });
        Ok(wrapped.map(|wrapped| sealer.open_under(&wrapped, subject, place, sealed)).transpose()?)
    }
}

pub(crate) async fn heads(connection: &mut Connection) -> Result<Heads, StoreError> {
    let rows: Vec<(String, i64)> =
        on!(connection, c => sqlx::query_as("SELECT log, position FROM heads").fetch_all(c).await?);
    let mut heads = Heads::default();
    for (log, position) in rows {
        let log = Log::from_name(&log).ok_or(StoreError::Malformed("log"))?;
        heads.set(log, u64::try_from(position).map_err(|_| StoreError::Malformed("position"))?);
    }
    Ok(heads)
}

pub(crate) async fn stream(
    connection: &mut Connection,
    log: Log,
    stream: &str,
) -> Result<Vec<Recorded>, StoreError> {
    let sql = select(log, "WHERE stream = $1 ORDER BY version");
    events(connection, log, &sql, stream).try_collect().await
}

/// The versions of the streams that exist.
pub(crate) async fn versions(
    connection: &mut Connection,
    streams: &[(Log, &str)],
) -> Result<HashMap<(Log, String), u64>, StoreError> {
    let mut versions = HashMap::with_capacity(streams.len());
    for log in Log::ALL {
        let names: BTreeSet<&str> =
            streams.iter().filter(|(of, _)| *of == log).map(|(_, stream)| *stream).collect();
        let names = names.into_iter().map(|stream| [Cell::from(stream)]).collect();
        // The last version of a stream is the end of its part of the index: one step per stream.
        let sql = format!(
            "SELECT r.name, (SELECT MAX(version) FROM {} WHERE stream = r.name) FROM {{rows}}",
            table(log)
        );
        let rows: Vec<(String, Option<i64>)> = Rows::new(["name"], names).fetch(connection, &sql).await?;
        for (stream, version) in rows {
            let version =
                u64::try_from(version.unwrap_or(0)).map_err(|_| StoreError::Malformed("version"))?;
            versions.insert((log, stream), version);
        }
    }
    Ok(versions)
}

/// Everything that is stored of the events of `log` that `which` picks.
pub(crate) fn select(log: Log, which: &str) -> String {
    format!(
        "SELECT position, stream, version, CAST(event_id AS TEXT) AS event_id, event_type, schema_version, payload, \
         metadata, recorded_at, leaf_hash FROM {} {which}",
        table(log)
    )
}

/// What `sql` of [`select`] with its one parameter picks, as it comes.
pub(crate) fn events<'c, V>(
    connection: &'c mut Connection,
    log: Log,
    sql: &'c str,
    value: V,
) -> BoxStream<'c, Result<Recorded, StoreError>>
where
    V: Send + 'c,
    V: sqlx::Encode<'c, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    V: sqlx::Encode<'c, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    on!(connection, c => {
        let rows = sqlx::query_as::<_, Row>(sql).bind(value).fetch(c);
        rows.map(move |row| row?.read(log)).boxed()
    })
}

/// An event as the table has it.
#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) position: i64,
    stream: String,
    version: i64,
    event_id: String,
    event_type: String,
    schema_version: i64,
    payload: String,
    metadata: String,
    recorded_at: i64,
    leaf_hash: Vec<u8>,
}

impl Row {
    pub(crate) fn read(self, log: Log) -> Result<Recorded, StoreError> {
        let number = |number| u64::try_from(number).map_err(|_| StoreError::Malformed("position or version"));
        Ok(Recorded {
            log,
            position: number(self.position)?,
            stream: self.stream,
            version: number(self.version)?,
            event_id: Uuid::try_parse(&self.event_id).map_err(|_| StoreError::Malformed("event id"))?,
            event_type: self.event_type,
            schema_version: u32::try_from(self.schema_version)
                .map_err(|_| StoreError::Malformed("schema version"))?,
            payload: self.payload,
            metadata: self.metadata,
            recorded_at: TimeStamp::from_micros(self.recorded_at),
            leaf_hash: self.leaf_hash.try_into().map_err(|_| StoreError::Malformed("leaf hash"))?,
        })
    }
}

/// Positions and versions are far below 2⁶³.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
