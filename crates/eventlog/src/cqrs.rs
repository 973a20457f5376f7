//! Our aggregates in the vocabulary of cqrs-es, over our own store.
//!
//! The stores that come with that crate apply events twice when snapshots are on, report a conflict after they have
//! committed, and have no order across aggregates; this one has three methods and none of that.

use std::collections::HashMap;

use cqrs_es::{
    AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore, event_sink::EventSink,
};
use domain::{Aggregate, StoredEvent};
use serde::{Deserialize, Serialize};

use crate::{
    EventLog, ExecuteError, Fault, Metadata, NewEvent, StoreError, StreamAppend, decode, stream_name,
};

/// One of our aggregates as cqrs-es sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent, bound = "A: Aggregate")]
pub struct Cqrs<A>(pub A);

/// One of our events as cqrs-es sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "E: StoredEvent")]
pub struct CqrsEvent<E>(pub E);

/// A refusal as cqrs-es sees it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CqrsError<R: std::error::Error>(pub R);

impl<E: StoredEvent> DomainEvent for CqrsEvent<E> {
    fn event_type(&self) -> String {
        self.0.tag().to_owned()
    }
    fn event_version(&self) -> String {
        self.0.schema_version().to_string()
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Cqrs<A> {
    const TYPE: &'static str = A::KIND;
    type Command = A::Command;
    type Event = CqrsEvent<A::Event>;
    type Error = CqrsError<A::Refusal>;
    type Services = ();

    async fn handle(
        &mut self,
        command: A::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), CqrsError<A::Refusal>> {
        for event in self.0.decide(command).map_err(CqrsError)? {
            sink.write(CqrsEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: CqrsEvent<A::Event>) {
        self.0.evolve(&event.0);
    }
}

/// The log as a cqrs-es store.
pub struct CqrsStore {
    log: EventLog,
}

impl CqrsStore {
    /// Over this log.
    pub const fn new(log: EventLog) -> Self {
        Self { log }
    }
}

/// An aggregate with the version it was loaded at.
#[derive(Debug)]
pub struct Loaded<A> {
    id: String,
    version: u64,
    aggregate: Cqrs<A>,
}

impl<A: Aggregate> AggregateContext<Cqrs<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Cqrs<A> {
        &mut self.aggregate
    }
}

type Outcome<T, A> = Result<T, AggregateError<CqrsError<<A as Aggregate>::Refusal>>>;
type Envelopes<A> = Vec<EventEnvelope<Cqrs<A>>>;

impl<A: Aggregate> EventStore<Cqrs<A>> for CqrsStore {
    type AC = Loaded<A>;

    async fn load_events(&self, id: &str) -> Outcome<Envelopes<A>, A> {
        let stream = stream_name(A::KIND, id);
        let events = self.log.reader().stream(A::LOG, &stream).await.map_err(failed)?;
        events
            .iter()
            .map(|event| {
                Ok(EventEnvelope {
                    aggregate_id: id.to_owned(),
                    sequence: usize::try_from(event.version).unwrap_or(usize::MAX),
                    payload: CqrsEvent(decode(event).map_err(failed)?),
                    metadata: HashMap::from([("position".to_owned(), event.position.to_string())]),
                })
            })
            .collect()
    }

    async fn load_aggregate(&self, id: &str) -> Outcome<Loaded<A>, A> {
        let (aggregate, version) = self.log.load(id).await.map_err(failed)?;
        Ok(Loaded { id: id.to_owned(), version, aggregate: Cqrs(aggregate) })
    }

    async fn commit(
        &self,
        events: Vec<CqrsEvent<A::Event>>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Outcome<Envelopes<A>, A> {
        let stored = events.iter().map(|event| NewEvent::of(&event.0)).collect::<Result<Vec<_>, _>>();
        let append = StreamAppend {
            log: A::LOG,
            stream: stream_name(A::KIND, &context.id),
            expected: Some(context.version),
            events: stored.map_err(failed)?,
            trace: None,
        };
        let by = Metadata { actor: metadata.get("actor").cloned(), ..Metadata::default() };
        let appended = self.log.transact(by, move |tx| {
            Box::pin(async move { tx.append(vec![append]).await.map_err(Fault::<Never>::Store) })
        });
        match appended.await {
            Ok(((), heads)) => Ok(envelopes(events, &context, &metadata, heads.of(A::LOG))),
            Err(ExecuteError::Store(StoreError::Conflict { .. })) => Err(AggregateError::AggregateConflict),
            Err(ExecuteError::Store(error)) => Err(failed(error)),
            Err(other) => Err(AggregateError::UnexpectedError(Box::new(other))),
        }
    }
}

/// Nothing is refused when decided events are appended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Never {}

fn envelopes<A: Aggregate>(
    events: Vec<CqrsEvent<A::Event>>,
    context: &Loaded<A>,
    metadata: &HashMap<String, String>,
    head: u64,
) -> Envelopes<A> {
    // The events of one append stand side by side, the last of them at the head.
    let positions = (head + 1).saturating_sub(events.len() as u64)..;
    let numbers = context.version + 1..;
    numbers
        .zip(positions)
        .zip(events)
        .map(|((number, position), payload)| EventEnvelope {
            aggregate_id: context.id.clone(),
            sequence: usize::try_from(number).unwrap_or(usize::MAX),
            payload,
            metadata: metadata
                .clone()
                .into_iter()
                .chain([("position".to_owned(), position.to_string())])
                .collect(),
        })
        .collect()
}

fn failed<E: std::error::Error>(error: StoreError) -> AggregateError<E> {
    AggregateError::DatabaseConnectionError(Box::new(error))
}
