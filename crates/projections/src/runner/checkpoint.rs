//! How far a read model has come, and on which log that was.

use domain::Log;
use eventlog::{Connection, LogReader, Recorded, StoreError, on};
use uuid::Uuid;

use super::{Generation, Projection};
use crate::model::{signed, unsigned};

/// The last event that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    log_id: Uuid,
    pub(crate) position: u64,
    /// None at the beginning.
    event_id: Option<Uuid>,
}

impl Checkpoint {
    pub(crate) const fn start(log_id: Uuid) -> Self {
        Self { log_id, position: 0, event_id: None }
    }

    /// This log's checkpoint once `event` is taken in.
    pub(crate) const fn at(self, event: &Recorded) -> Self {
        Self { position: event.position, event_id: Some(event.event_id), ..self }
    }

    /// Whether it names this log.
    pub(crate) fn is_of(&self, log_id: Uuid) -> bool {
        self.log_id == log_id
    }

    /// Whether this was made on another event than this one, at the same place.
    pub(crate) fn is_another(&self, event: &Recorded) -> bool {
        self.position == event.position && self.event_id != Some(event.event_id)
    }

    /// Whether the log is the one that this was made on: a fork has another event here, or none.
    pub(super) async fn stands(&self, reader: &LogReader, log: Log) -> Result<bool, StoreError> {
        if !self.is_of(reader.log_id(log)) {
            return Ok(false);
        }
        let Some(before) = self.position.checked_sub(1) else { return Ok(true) };
        let events = reader.read(log, before, 1).await?;
        Ok(events.first().map(|event| event.event_id) == self.event_id)
    }

    pub(crate) async fn find<P: Projection>(
        connection: &mut Connection,
        generation: Generation,
    ) -> Result<Option<Self>, StoreError> {
        let row: Option<(String, i64, Option<String>)> = on!(connection, c => {
            sqlx::query_as(
                "SELECT log_id, position, event_id FROM checkpoints WHERE projection = $1 AND generation = $2",
            )
            .bind(P::NAME)
            .bind(generation.number())
            .fetch_optional(c)
            .await?
        });
        let Some((log_id, position, event_id)) = row else { return Ok(None) };
        let id = |text: String| Uuid::try_parse(&text).map_err(|_| StoreError::Malformed("checkpoint"));
        Ok(Some(Self {
            log_id: id(log_id)?,
            position: unsigned(position)?,
            event_id: event_id.map(id).transpose()?,
        }))
    }

    /// Moves it on, unless someone else has: a page is taken in once.
    pub(super) async fn advance<P: Projection>(
        self,
        to: Self,
        connection: &mut Connection,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let found = Self::find::<P>(connection, generation).await?.unwrap_or(Self::start(self.log_id));
        if found != self {
            let stream = format!("checkpoint:{}", P::NAME);
            return Err(StoreError::Conflict { stream, expected: self.position, found: found.position });
        }
        to.set::<P>(connection, generation).await
    }

    pub(super) async fn set<P: Projection>(
        self,
        connection: &mut Connection,
        generation: Generation,
    ) -> Result<(), StoreError> {
        on!(connection, c => {
            sqlx::query(
                "INSERT INTO checkpoints(projection, generation, log, log_id, position, event_id) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (projection, generation) DO UPDATE \
                 SET log_id = excluded.log_id, position = excluded.position, event_id = excluded.event_id",
            )
            .bind(P::NAME)
            .bind(generation.number())
            .bind(P::LOG.as_str())
            .bind(self.log_id.to_string())
            .bind(signed(self.position))
            .bind(self.event_id.map(|id| id.to_string()))
            .execute(c)
            .await?;
        });
        Ok(())
    }

    /// A generation that is gone has come nowhere.
    pub(super) async fn remove<P: Projection>(
        connection: &mut Connection,
        generation: Generation,
    ) -> Result<(), StoreError> {
        on!(connection, c => {
            sqlx::query("DELETE FROM checkpoints WHERE projection = $1 AND generation = $2")
                .bind(P::NAME)
                .bind(generation.number())
                .execute(c)
                .await?;
        });
        Ok(())
    }
}
