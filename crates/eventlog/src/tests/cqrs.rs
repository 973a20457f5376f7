use std::collections::HashMap;

use cqrs_es::{AggregateError, CqrsFramework, EventEnvelope, EventStore};
use domain::{
    AccountId, Aggregate, GroupName, Log, Nanos,
    account::{Account, AccountCommand, Limit, Owner},
    group::{Group, GroupCommand, GroupEvent, GroupRefusal},
    price::Ratio,
};
use uuid::Uuid;

use rstest::rstest;

use super::bench::{
    Bench,
    Store::{self, Postgres, Sqlite},
    append, noted,
};
use crate::{Cqrs, CqrsError, CqrsEvent, CqrsStore, NewEvent, StreamAppend};

fn framework<A: Aggregate>(bench: &Bench) -> CqrsFramework<Cqrs<A>, CqrsStore> {
    CqrsFramework::new(CqrsStore::new(bench.log.clone()), Vec::new(), ())
}

fn create() -> GroupCommand {
    GroupCommand::Create { name: GroupName::new("vip").unwrap(), ratio: Ratio::ONE }
}

#[rstest]
#[tokio::test]
async fn our_aggregates_run_in_the_framework_and_every_event_is_applied_once(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let (framework, store) = (framework::<Account>(&bench), CqrsStore::new(bench.log.clone()));
    let account_id = AccountId(Uuid::from_u128(1));
    let id = account_id.to_string();
    let open = AccountCommand::Open { account_id, owner: Owner::Suspense, limit: Limit::Prepaid };
    framework.execute(&id, open).await.unwrap();
    for _ in 0..3 {
        let deposit = AccountCommand::Deposit { amount: Nanos::from_dollars(2), reason: "paid".to_owned() };
        let metadata = HashMap::from([("actor".to_owned(), "usr_1".to_owned())]);
        framework.execute_with_metadata(&id, deposit, metadata).await.unwrap();
    }
    let mut loaded = EventStore::<Cqrs<Account>>::load_aggregate(&store, &id).await.unwrap();
    let account = &cqrs_es::AggregateContext::aggregate(&mut loaded).0;
    assert_eq!(account.credit_nanos, Nanos::from_dollars(6).get());
    let events: Vec<EventEnvelope<Cqrs<Account>>> = store.load_events(&id).await.unwrap();
    let places: Vec<_> =
        events.iter().map(|event| (event.sequence, event.metadata["position"].as_str())).collect();
    assert_eq!(places, [(1, "1"), (2, "2"), (3, "3"), (4, "4")]);
    assert!(bench.all(Log::Ledger).await[3].metadata.contains("usr_1"));
}

#[rstest]
#[tokio::test]
async fn a_refusal_comes_through_the_framework(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let outcome = framework::<Group>(&bench).execute("vip", GroupCommand::Delete).await;
    assert!(
        matches!(outcome, Err(AggregateError::UserError(CqrsError(GroupRefusal::Unknown)))),
        "{outcome:?}"
    );
    assert!(bench.all(Log::Control).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn what_is_committed_comes_back_with_the_positions_it_has_in_the_log(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    let store = CqrsStore::new(bench.log.clone());
    let loaded = EventStore::<Cqrs<Group>>::load_aggregate(&store, "vip").await.unwrap();
    let events = Group::default().decide(create()).unwrap();
    let two = events.iter().chain(&[GroupEvent::Deleted {}]).cloned().map(CqrsEvent).collect();
    let committed: Vec<EventEnvelope<Cqrs<Group>>> = store.commit(two, loaded, HashMap::new()).await.unwrap();
    let stored: Vec<EventEnvelope<Cqrs<Group>>> = store.load_events("vip").await.unwrap();
    let of = |events: &[EventEnvelope<Cqrs<Group>>]| -> Vec<_> {
        events.iter().map(|event| (event.sequence, event.metadata["position"].clone())).collect()
    };
    assert_eq!(of(&committed), [(1, "2".to_owned()), (2, "3".to_owned())]);
    assert_eq!(of(&committed), of(&stored));
}

/// A store in which someone else is always a little faster.
struct Raced(CqrsStore, Bench);

impl EventStore<Cqrs<Group>> for Raced {
    type AC = <CqrsStore as EventStore<Cqrs<Group>>>::AC;

    async fn load_events(
        &self,
        id: &str,
    ) -> Result<Vec<EventEnvelope<Cqrs<Group>>>, AggregateError<CqrsError<GroupRefusal>>> {
        self.0.load_events(id).await
    }

    async fn load_aggregate(&self, id: &str) -> Result<Self::AC, AggregateError<CqrsError<GroupRefusal>>> {
        let loaded = EventStore::<Cqrs<Group>>::load_aggregate(&self.0, id).await?;
        let created = Group::default().decide(create()).unwrap();
        let events = created.iter().map(|event| NewEvent::of(event).unwrap()).collect();
        append(&self.1.log, vec![StreamAppend { events, ..noted(Log::Control, "group:vip") }]).await.unwrap();
        Ok(loaded)
    }

    async fn commit(
        &self,
        events: Vec<CqrsEvent<GroupEvent>>,
        context: Self::AC,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Cqrs<Group>>>, AggregateError<CqrsError<GroupRefusal>>> {
        self.0.commit(events, context, metadata).await
    }
}

#[rstest]
#[tokio::test]
async fn whoever_comes_second_hears_of_a_conflict_and_has_changed_nothing(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let (log, store) = (bench.log.clone(), CqrsStore::new(bench.log.clone()));
    let framework = CqrsFramework::<Cqrs<Group>, _>::new(Raced(store, bench), Vec::new(), ());
    let outcome = framework.execute("vip", create()).await;
    assert!(matches!(outcome, Err(AggregateError::AggregateConflict)), "{outcome:?}");
    assert_eq!(log.reader().stream(Log::Control, "group:vip").await.unwrap().len(), 1);
}
