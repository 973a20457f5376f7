//! The append transaction: decisions are made in it, events written, inline read models follow.

mod append;
mod heads;

use std::sync::Arc;

use domain::{Aggregate, TimeStamp};
use futures_util::future::BoxFuture;

use self::heads::Head;
use crate::{
    Clock, Component, Connection, Fault, Metadata, NewEvent, Pool, Recorded, Sealer, StoreError,
    StreamAppend, on, snapshots::Snapshots, store::partitions, stream_name,
};

/// A read model that follows in the append transaction. It has no constraint that input can violate: an error here is a
/// fault of the process.
pub trait Inline: Send + Sync + 'static {
    /// Its tables.
    fn component(&self) -> Component;

    /// Takes in what was appended, in order.
    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// The transaction, as a decision sees it.
pub struct Tx {
    /// What a lost connection is made anew from.
    writers: Pool,
    connection: Connection,
    inline: Arc<[Arc<dyn Inline>]>,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    snapshots: Snapshots,
    heads: [Head; 2],
    /// The last position of each log for which the database has room.
    covered: [u64; 2],
    partition_events: u64,
    metadata: Metadata,
    answer: Option<String>,
    /// Whether an append of this job has failed: it may have been written in part.
    spoiled: bool,
    /// What this transaction has appended.
    appended: Vec<Recorded>,
}

impl Tx {
    pub(crate) async fn new(
        writers: Pool,
        mut connection: Connection,
        inline: Arc<[Arc<dyn Inline>]>,
        clock: Arc<dyn Clock>,
        sealer: Sealer,
        snapshots: Snapshots,
        partition_events: u64,
    ) -> Result<Self, StoreError> {
        let heads = heads::read(&mut connection).await?;
        let covered = partitions::covered(&mut connection).await?;
        Ok(Self {
            writers,
            connection,
            inline,
            clock,
            sealer,
            snapshots,
            heads,
            covered,
            partition_events,
            metadata: Metadata::default(),
            answer: None,
            spoiled: false,
            appended: Vec::new(),
        })
    }

    /// The connection, to read what a decision needs and to write what belongs to no event.
    pub const fn connection(&mut self) -> &mut Connection {
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

    /// Loads an aggregate by folding its stream, from its snapshot on where it has one, with the stream's version.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load<A: Aggregate>(&mut self, id: &str) -> Result<(A, u64), StoreError> {
        self.snapshots.load(&mut self.connection, &stream_name(A::KIND, id)).await
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
        self.append(vec![StreamAppend {
            log: A::LOG,
            stream,
            expected: Some(version),
            events: stored,
            trace: None,
        }])
        .await?;
        Ok(events)
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
        let wrapped: String = on!(&mut self.connection, c => {
            sqlx::query_scalar(
                "INSERT INTO subject_keys(subject, wrapped) VALUES ($1, $2) \
                 ON CONFLICT (subject) DO UPDATE SET wrapped = subject_keys.wrapped RETURNING wrapped",
            )
            .bind(subject)
            .bind(new)
            .fetch_one(c)
            .await?
        });
        Ok(self.sealer.seal_under(&wrapped, subject, place, plain)?)
    }

    /// Destroys the key of `subject`: nothing that was sealed under it opens again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erase(&mut self, subject: &str) -> Result<(), StoreError> {
        on!(&mut self.connection, c => {
            sqlx::query("DELETE FROM subject_keys WHERE subject = $1").bind(subject).execute(c).await?;
        });
        Ok(())
    }

    /// What the job that begins now stands for.
    pub(crate) fn begin_job(&mut self, metadata: Metadata) {
        self.metadata = metadata;
        self.answer = None;
        self.spoiled = false;
    }

    /// Whether the job may stand.
    pub(crate) const fn check(&self) -> Result<(), StoreError> {
        if self.spoiled { Err(StoreError::WentOn) } else { Ok(()) }
    }

    /// What stands once the transaction is committed.
    pub(crate) fn take_appended(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.appended)
    }

    pub(crate) const fn take_answer(&mut self) -> Option<String> {
        self.answer.take()
    }
}
