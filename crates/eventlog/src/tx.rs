//! The append transaction: decisions are made in it, events written, inline read models follow.

use std::sync::Arc;

use domain::{Aggregate, Log, TimeStamp};
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    Clock, Component, Fault, Heads, Metadata, NewEvent, Recorded, Sealer, StoreError, StreamAppend,
    leaf::{Leaf, table},
    stream_name,
};

/// A read model that follows in the append transaction. It has no constraint that input can violate: an error here is a
/// fault of the process.
pub trait Inline: Send + Sync + 'static {
    /// Its tables.
    fn component(&self) -> Component;

    /// Takes in what was appended, in order.
    fn apply<'a>(
        &'a self,
        connection: &'a mut SqliteConnection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// One log's head while the transaction runs.
#[derive(Clone, Copy, Debug)]
struct Head {
    log_id: Uuid,
    position: u64,
    recorded_at: TimeStamp,
}

/// The transaction, as a decision sees it.
pub struct Tx {
    connection: SqliteConnection,
    inline: Arc<[Arc<dyn Inline>]>,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    heads: [Head; 2],
    metadata: Metadata,
    answer: Option<String>,
}

/// What can be put back when a decision is refused.
pub(crate) struct Mark([Head; 2]);

impl Tx {
    pub(crate) async fn new(
        mut connection: SqliteConnection,
        inline: Arc<[Arc<dyn Inline>]>,
        clock: Arc<dyn Clock>,
        sealer: Sealer,
    ) -> Result<Self, StoreError> {
        let heads = [head(&mut connection, Log::Control).await?, head(&mut connection, Log::Ledger).await?];
        Ok(Self { connection, inline, clock, sealer, heads, metadata: Metadata::default(), answer: None })
    }

    /// The connection, to read what a decision needs and to write what belongs to no event.
    pub const fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// The time at which what is appended next is recorded, at the earliest.
    pub fn now(&self) -> TimeStamp {
        self.clock.now()
    }

    /// Seals and opens secrets.
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Keeps an answer for repeats of this command.
    pub fn keep_answer(&mut self, answer: String) {
        self.answer = Some(answer);
    }

    /// Loads an aggregate by folding its stream, with the stream's version.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load<A: Aggregate>(&mut self, id: &str) -> Result<(A, u64), StoreError> {
        let stream = stream_name(A::KIND, id);
        let mut state = A::default();
        let mut version = 0;
        for event in crate::reader::stream(&mut self.connection, A::LOG, &stream).await? {
            state.evolve(&crate::decode(&event)?);
            version = event.version;
        }
        Ok((state, version))
    }

    /// Asks an aggregate that is the fold of its own stream, and appends what it answers.
    ///
    /// # Errors
    /// When it refuses, or the store fails.
    pub async fn decide<A, R>(&mut self, id: &str, command: A::Command) -> Result<Vec<A::Event>, Fault<R>>
    where
        A: Aggregate,
        R: From<A::Refusal>,
    {
        let (state, version) = self.load::<A>(id).await?;
        let events = state.decide(command).map_err(|refusal| Fault::Refused(refusal.into()))?;
        let stored = events.iter().map(NewEvent::of).collect::<Result<Vec<_>, _>>()?;
        let stream = stream_name(A::KIND, id);
        self.append(vec![StreamAppend { log: A::LOG, stream, expected: Some(version), events: stored }])
            .await?;
        Ok(events)
    }

    /// Appends events to their streams, and lets the inline read models follow.
    ///
    /// # Errors
    /// When a stream is not at the version that was expected, or the store fails.
    pub async fn append(&mut self, appends: Vec<StreamAppend>) -> Result<(), StoreError> {
        let metadata = serde_json::to_string(&self.metadata).map_err(StoreError::Encode)?;
        let mut recorded = Vec::new();
        let now = self.clock.now();
        let streams: Vec<(Log, &str)> =
            appends.iter().map(|append| (append.log, append.stream.as_str())).collect();
        let mut versions = crate::reader::versions(&mut self.connection, &streams).await?;
        for append in appends {
            let version = versions.entry((append.log, append.stream.clone())).or_insert(0);
            if let Some(expected) = append.expected.filter(|expected| expected != version) {
                return Err(StoreError::Conflict { stream: append.stream, expected, found: *version });
            }
            for event in append.events {
                *version += 1;
                recorded.push(self.record(append.log, &append.stream, *version, event, &metadata, now)?);
            }
        }
        for log in Log::ALL {
            crate::appender::insert(&mut self.connection, log, recorded.iter().filter(|e| e.log == log))
                .await?;
        }
        if recorded.is_empty() {
            return Ok(());
        }
        for model in self.inline.iter() {
            model.apply(&mut self.connection, &recorded).await?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        log: Log,
        stream: &str,
        version: u64,
        event: NewEvent,
        metadata: &str,
        now: TimeStamp,
    ) -> Result<Recorded, StoreError> {
        let head = &mut self.heads[log as usize];
        head.position += 1;
        // Time rises with the position, whatever the clock does: time travel searches by it.
        head.recorded_at = now.max(TimeStamp::from_micros(head.recorded_at.micros() + 1));
        let millis = u64::try_from(head.recorded_at.micros() / 1_000).unwrap_or(0);
        let event_id = uuid::Builder::from_unix_timestamp_millis(millis, &crate::seal::random()?).into_uuid();
        let leaf_hash = Leaf {
            position: head.position,
            recorded_at: head.recorded_at,
            stream,
            version,
            event_id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            payload: &event.payload,
            metadata,
        }
        .hash(head.log_id);
        Ok(Recorded {
            log,
            position: head.position,
            stream: stream.to_owned(),
            version,
            event_id,
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            payload: event.payload,
            metadata: metadata.to_owned(),
            recorded_at: head.recorded_at,
            leaf_hash,
        })
    }

    /// Seals personal data of `subject` for `place`, making the person's key at first need.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seal_for(
        &mut self,
        subject: &str,
        place: &str,
        plain: &[u8],
    ) -> Result<domain::Sealed, StoreError> {
        let new = self.sealer.new_subject_key(subject)?;
        let wrapped: String = sqlx::query_scalar(
            "INSERT INTO subject_keys(subject, wrapped) VALUES (?, ?) \
             ON CONFLICT DO UPDATE SET wrapped = wrapped RETURNING wrapped",
        )
        .bind(subject)
        .bind(new)
        .fetch_one(&mut self.connection)
        .await?;
        Ok(self.sealer.seal_under(&wrapped, subject, place, plain)?)
    }

    pub(crate) fn heads(&self) -> Heads {
        Heads { control: self.heads[0].position, ledger: self.heads[1].position }
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark(self.heads)
    }

    pub(crate) const fn reset(&mut self, mark: &Mark) {
        self.heads = mark.0;
    }

    /// What the job that begins now stands for.
    pub(crate) fn begin_job(&mut self, metadata: Metadata) {
        self.metadata = metadata;
        self.answer = None;
    }

    pub(crate) const fn take_answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    /// Which logs have moved since `mark`, and how far they are.
    pub(crate) fn moved_since(&self, mark: &Mark) -> Heads {
        let mut moved = Heads::default();
        for log in Log::ALL {
            if self.heads[log as usize].position > mark.0[log as usize].position {
                moved.set(log, self.heads[log as usize].position);
            }
        }
        moved
    }

    pub(crate) async fn write_heads(&mut self, before: &Mark) -> Result<(), StoreError> {
        for log in Log::ALL {
            let head = self.heads[log as usize];
            if head.position > before.0[log as usize].position {
                sqlx::query("UPDATE heads SET position = ?, recorded_at = ? WHERE log = ?")
                    .bind(signed(head.position))
                    .bind(head.recorded_at.micros())
                    .bind(log.as_str())
                    .execute(&mut self.connection)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Positions and versions are far below 2⁶³.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn head(connection: &mut SqliteConnection, log: Log) -> Result<Head, StoreError> {
    let (log_id, position, recorded_at): (Vec<u8>, i64, i64) =
        sqlx::query_as("SELECT log_id, position, recorded_at FROM heads WHERE log = ?")
            .bind(log.as_str())
            .fetch_one(&mut *connection)
            .await?;
    let position = u64::try_from(position).map_err(|_| StoreError::Malformed("position"))?;
    let sql = format!("SELECT COALESCE(MAX(position), 0) FROM {}", table(log));
    let last: i64 = sqlx::query_scalar(&sql).fetch_one(connection).await?;
    if signed(position) != last {
        return Err(StoreError::Hole { log, expected: position, found: u64::try_from(last).unwrap_or(0) });
    }
    Ok(Head {
        log_id: Uuid::from_slice(&log_id).map_err(|_| StoreError::Malformed("log id"))?,
        position,
        recorded_at: TimeStamp::from_micros(recorded_at),
    })
}
