//! What every read model of the `control` log is: rows that one pure function makes from events, kept in a table.

use std::fmt::Display;

use domain::{Aggregate, TimeStamp};
use eventlog::{Connection, PAGE_MAX, Pool, Recorded, StoreError, decode, on};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::QueryBuilder;

/// A row, with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// The row itself.
    pub row: T,
    /// The version of its stream that last changed it: the `ETag`.
    pub version: u64,
    /// When it was made.
    pub created_at: TimeStamp,
    /// When it last changed.
    pub updated_at: TimeStamp,
}

/// A row as nodes hand it to one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The version of its stream that last changed it.
    pub version: u64,
    /// The row.
    pub row: T,
}

/// A row of a read model.
pub(crate) trait Model: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whose events make it.
    type Of: Aggregate;
    /// Names it; in a table, as text.
    type Key: Clone + Ord + Display + Send + Sync;
    const TABLE: &'static str;

    /// Which row an event of the stream with this id is about; `None` where it can be none.
    fn key(id: &str, event: &<Self::Of as Aggregate>::Event) -> Option<Self::Key>;

    /// What an event makes of a row; `None` is a row that is not there.
    fn evolve(row: Option<Self>, key: &Self::Key, event: &<Self::Of as Aggregate>::Event) -> Option<Self>;
}

type EventOf<M> = <<M as Model>::Of as Aggregate>::Event;

/// An event, and the row that it is about.
pub(crate) fn read<M: Model>(event: &Recorded) -> Result<(M::Key, EventOf<M>), StoreError> {
    let fact = decode(event)?;
    let key = M::key(event.id(), &fact).ok_or_else(|| StoreError::Inline {
        model: M::TABLE,
        log: event.log,
        position: event.position,
        reason: format!("{:?} names nothing of this kind", event.stream),
    })?;
    Ok((key, fact))
}

/// Takes an event into the table.
pub(crate) async fn store<M: Model>(connection: &mut Connection, event: &Recorded) -> Result<(), StoreError> {
    let (key, fact) = read::<M>(event)?;
    let before = find_on::<M>(connection, &key).await?;
    let created_at = before.as_ref().map_or(event.recorded_at, |before| before.created_at);
    let Some(row) = M::evolve(before.map(|before| before.row), &key, &fact) else {
        let sql = format!("DELETE FROM {} WHERE id = $1", M::TABLE);
        on!(connection, c => { sqlx::query(&sql).bind(key.to_string()).execute(c).await?; });
        return Ok(());
    };
    let sql = format!(
        "INSERT INTO {}(id, version, created_at, updated_at, \"row\") VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE \
         SET version = excluded.version, updated_at = excluded.updated_at, \"row\" = excluded.\"row\"",
        M::TABLE
    );
    let row = serde_json::to_string(&row).map_err(StoreError::Encode)?;
    on!(connection, c => {
        sqlx::query(&sql)
            .bind(key.to_string())
            .bind(signed(event.version))
            .bind(created_at.micros())
            .bind(event.recorded_at.micros())
            .bind(row)
            .execute(c)
            .await?;
    });
    Ok(())
}

pub(crate) async fn find<M: Model>(pool: &Pool, key: &M::Key) -> Result<Option<Stored<M>>, StoreError> {
    find_on(&mut pool.acquire().await?, key).await
}

/// The same, where a connection is at hand.
pub(crate) async fn find_on<M: Model>(
    connection: &mut Connection,
    key: &M::Key,
) -> Result<Option<Stored<M>>, StoreError> {
    let sql = format!("SELECT \"row\", version, created_at, updated_at FROM {} WHERE id = $1", M::TABLE);
    let row = on!(connection, c => sqlx::query_as(&sql).bind(key.to_string()).fetch_optional(c).await?);
    row.map(stored).transpose()
}

/// The rows after `after`, by key, that `column` picks where one is given.
pub(crate) async fn list<M: Model>(
    pool: &Pool,
    after: Option<&M::Key>,
    limit: usize,
    column: Option<(&'static str, String)>,
) -> Result<Vec<Stored<M>>, StoreError> {
    page(&mut pool.acquire().await?, after, limit, column).await
}

/// The same, where a connection is at hand.
pub(crate) async fn page<M: Model>(
    connection: &mut Connection,
    after: Option<&M::Key>,
    limit: usize,
    column: Option<(&'static str, String)>,
) -> Result<Vec<Stored<M>>, StoreError> {
    let rows: Vec<_> = on!(connection, c => {
        let mut query = QueryBuilder::new(format!(
            "SELECT \"row\", version, created_at, updated_at FROM {} WHERE id > ",
            M::TABLE
        ));
        query.push_bind(after.map_or_else(String::new, ToString::to_string));
        if let Some((column, value)) = column {
            query.push(format!(" AND {column} = ")).push_bind(value);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(signed(limit.min(PAGE_MAX) as u64));
        query.build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(stored).collect()
}

/// Hands out every row, as the connection's transaction sees them.
pub(crate) async fn each<M: Model>(
    connection: &mut Connection,
    mut take: impl FnMut(Stored<M>) + Send,
) -> Result<(), StoreError> {
    let sql = format!("SELECT \"row\", version, created_at, updated_at FROM {}", M::TABLE);
    on!(connection, c => {
        let mut rows = sqlx::query_as(&sql).fetch(c);
        while let Some(row) = rows.try_next().await? {
            take(stored::<M>(row)?);
        }
    });
    Ok(())
}

fn stored<M: Model>(
    (row, version, created_at, updated_at): (String, i64, i64, i64),
) -> Result<Stored<M>, StoreError> {
    Ok(Stored {
        row: serde_json::from_str(&row).map_err(|_| StoreError::Malformed(M::Of::KIND))?,
        version: unsigned(version)?,
        created_at: TimeStamp::from_micros(created_at),
        updated_at: TimeStamp::from_micros(updated_at),
    })
}

/// Positions, versions and limits are far below 2⁶³.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What was stored as a number that is never negative.
pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Malformed("count"))
}
