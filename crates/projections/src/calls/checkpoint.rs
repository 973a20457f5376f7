//! How far the usage log has come, and on which log that was.

use domain::Log;
use eventlog::{Connection, LogReader, Recorded, StoreError, on};
use uuid::Uuid;

use crate::model::{signed, unsigned};

const PROJECTION: &str = "calls";

/// The last event that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    log_id: Uuid,
    pub(super) position: u64,
    /// None at the beginning.
    event_id: Option<Uuid>,
}

impl Checkpoint {
    pub(super) const fn start(log_id: Uuid) -> Self {
        Self { log_id, position: 0, event_id: None }
    }

    /// This log's checkpoint once `event` is taken in.
    pub(super) const fn at(self, event: &Recorded) -> Self {
        Self { position: event.position, event_id: Some(event.event_id), ..self }
    }

    /// Whether it names this log.
    pub(super) fn is_of(&self, log_id: Uuid) -> bool {
        self.log_id == log_id
    }

    /// Whether this was made on another event than this one, at the same place.
    pub(super) fn is_another(&self, event: &Recorded) -> bool {
        self.position == event.position && self.event_id != Some(event.event_id)
    }

    /// Whether the log is the one that this was made on: a fork has another event here, or none.
    pub(super) async fn stands(&self, reader: &LogReader) -> Result<bool, StoreError> {
        if !self.is_of(reader.log_id(Log::Ledger)) {
            return Ok(false);
        }
        let Some(before) = self.position.checked_sub(1) else { return Ok(true) };
        let events = reader.read(Log::Ledger, before, 1).await?;
        Ok(events.first().map(|event| event.event_id) == self.event_id)
    }
}

pub(super) async fn find(connection: &mut Connection) -> Result<Option<Checkpoint>, StoreError> {
    let row: Option<(String, i64, Option<String>)> = on!(connection, c => {
        sqlx::query_as("SELECT log_id, position, event_id FROM checkpoints WHERE projection = $1")
            .bind(PROJECTION)
            .fetch_optional(c)
            .await?
    });
    let Some((log_id, position, event_id)) = row else { return Ok(None) };
    let id = |text: String| Uuid::try_parse(&text).map_err(|_| StoreError::Malformed("checkpoint"));
    Ok(Some(Checkpoint {
        log_id: id(log_id)?,
        position: unsigned(position)?,
        event_id: event_id.map(id).transpose()?,
    }))
}

/// Moves it on, unless someone else has: a page is taken in once.
pub(super) async fn advance(
    connection: &mut Connection,
    from: Checkpoint,
    to: Checkpoint,
) -> Result<(), StoreError> {
    let found = find(connection).await?.unwrap_or(Checkpoint::start(from.log_id));
    if found != from {
        let stream = format!("checkpoint:{PROJECTION}");
        return Err(StoreError::Conflict { stream, expected: from.position, found: found.position });
    }
    set(connection, to).await
}

pub(super) async fn set(connection: &mut Connection, to: Checkpoint) -> Result<(), StoreError> {
    on!(connection, c => {
        sqlx::query(
            "INSERT INTO checkpoints(projection, log, log_id, position, event_id) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (projection) DO UPDATE SET log_id = excluded.log_id, position = excluded.position, \
             event_id = excluded.event_id",
        )
        .bind(PROJECTION)
        .bind(Log::Ledger.as_str())
        .bind(to.log_id.to_string())
        .bind(signed(to.position))
        .bind(to.event_id.map(|id| id.to_string()))
        .execute(c)
        .await?;
    });
    Ok(())
}
