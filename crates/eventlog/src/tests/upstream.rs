//! The reading contract of postgres-es: its tools read our log through the view `events`.

use cqrs_es::{
    AggregateContext, EventStore,
    persist::{PersistedEventRepository, PersistedEventStore},
};
use domain::{
    Aggregate, StoredEvent,
    account::Account,
    api_token::ApiToken,
    channel::Channel,
    group::{Group, GroupEvent},
    price_list::PriceList,
    settings::Settings,
    user::User,
};
use postgres_es::PostgresEventRepository;
use sqlx::PgPool;

use super::bench::{Bench, Store::Postgres, append, transact};
use crate::{Cqrs, CqrsEvent, Database, Metadata, NewEvent, StreamAppend, stream_name};

async fn pool(bench: &Bench) -> PgPool {
    let Database::Postgres(options) = bench.database() else { panic!("a server") };
    PgPool::connect_with(*options).await.unwrap()
}

/// Every event that this kind of aggregate knows, loaded by them and by us.
async fn reads_the_same<A>(bench: &Bench, pool: &PgPool)
where
    A: Aggregate + PartialEq + std::fmt::Debug,
{
    let events: Vec<NewEvent> =
        A::Event::samples().iter().map(|event| NewEvent::of(event).unwrap()).collect();
    let stream = stream_name(A::KIND, "of:a:kind");
    append(&bench.log, vec![StreamAppend { log: A::LOG, stream, expected: Some(0), events, trace: None }])
        .await
        .unwrap();
    let ours = transact(&bench.log, Metadata::default(), |tx| {
        Box::pin(async move { Ok(tx.load::<A>("of:a:kind").await?) })
    });
    let ((ours, version), _) = ours.await.unwrap();

    let repository = PostgresEventRepository::new(pool.clone());
    let stored = repository.get_events::<Cqrs<A>>("of:a:kind").await.unwrap();
    assert_eq!(stored.len() as u64, version);
    let store = PersistedEventStore::<_, Cqrs<A>>::new_event_store(repository);
    let theirs = store.load_events("of:a:kind").await.unwrap();
    let samples: Vec<_> = A::Event::samples().into_iter().map(CqrsEvent).collect();
    assert_eq!(theirs.into_iter().map(|envelope| envelope.payload).collect::<Vec<_>>(), samples);
    let mut loaded = store.load_aggregate("of:a:kind").await.unwrap();
    assert_eq!(loaded.aggregate().0, ours, "{}", A::KIND);
}

#[tokio::test]
async fn every_aggregate_loads_through_the_repository_of_postgres_es_as_through_ours() {
    let bench = Bench::new(Postgres).await;
    let pool = pool(&bench).await;
    reads_the_same::<Account>(&bench, &pool).await;
    reads_the_same::<ApiToken>(&bench, &pool).await;
    reads_the_same::<Channel>(&bench, &pool).await;
    reads_the_same::<Group>(&bench, &pool).await;
    reads_the_same::<PriceList>(&bench, &pool).await;
    reads_the_same::<Settings>(&bench, &pool).await;
    reads_the_same::<User>(&bench, &pool).await;
}

#[tokio::test]
async fn the_view_shows_what_was_asked_by_whom_and_takes_no_writes() {
    let bench = Bench::new(Postgres).await;
    let event = NewEvent::of(&GroupEvent::samples()[0]).unwrap();
    let append = StreamAppend {
        log: Group::LOG,
        stream: stream_name(Group::KIND, "vip"),
        expected: None,
        events: vec![event],
        trace: None,
    };
    let by = Metadata { actor: Some("usr_1".to_owned()), ..Metadata::default() };
    transact(&bench.log, by, |tx| Box::pin(async move { Ok(tx.append(vec![append]).await?) })).await.unwrap();
    let pool = pool(&bench).await;
    let repository = PostgresEventRepository::new(pool.clone());
    let stored = repository.get_events::<Cqrs<Group>>("vip").await.unwrap();
    assert_eq!(stored[0].metadata, serde_json::json!({"actor": "usr_1"}));
    assert_eq!((stored[0].sequence, stored[0].event_version.as_str()), (1, "1"));
    let written = repository.persist::<Cqrs<Group>>(&stored, None).await;
    assert!(written.is_err(), "the log is written by its appender alone");
}
