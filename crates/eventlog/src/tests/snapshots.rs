use domain::{Aggregate, Log, testing::given};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use rstest::rstest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    bench::{
        Bench, No,
        Store::{self, Postgres, Sqlite},
        append, noted, transact,
    },
    purse::{Purse, PurseEvent, filled},
};
use crate::{Cqrs, CqrsStore, Fault, LogFault, Metadata, NewEvent, StreamAppend, on, verify_snapshots};

const EVERY: u64 = 5;

async fn fill(bench: &Bench, stream: &str, events: &[PurseEvent]) {
    let events = events.iter().map(|event| NewEvent::of(event).unwrap()).collect();
    append(&bench.log, vec![StreamAppend { events, ..noted(Log::Ledger, stream) }]).await.unwrap();
}

/// The stream of the purse called `id`, as a decision sees it.
async fn load(bench: &Bench, id: &str) -> (Purse, u64) {
    let id = id.to_owned();
    let loaded = transact(&bench.log, Metadata::default(), move |tx| {
        Box::pin(async move { Ok(tx.load::<Purse>(&id).await?) })
    });
    loaded.await.unwrap().0
}

/// Loads it, and waits until that has led to a snapshot.
async fn load_and_keep(bench: &Bench, id: &str) -> (Purse, u64) {
    let mut written = bench.log.snapshots_written();
    let before = *written.borrow_and_update();
    let loaded = load(bench, id).await;
    written.wait_for(|written| *written > before).await.unwrap();
    loaded
}

async fn change(bench: &Bench, set: &str) {
    let sql = format!("UPDATE snapshots SET {set} WHERE stream = 'purse:1'");
    bench.raw().await.execute(&sql).await.unwrap();
}

async fn kept(bench: &Bench) -> Vec<(String, i64, String)> {
    let sql = "SELECT stream, version, payload FROM snapshots ORDER BY stream";
    on!(&mut bench.raw().await, c => sqlx::query_as(sql).fetch_all(c).await.unwrap())
}

async fn faults(bench: &Bench) -> Vec<LogFault> {
    let mut snapshot = bench.log.reader().snapshot().await.unwrap();
    verify_snapshots::<Purse>(&mut snapshot, 100).await.unwrap()
}

/// Seven dollars in seven events, with the snapshot that a load of them led to.
async fn seven(store: Store) -> Bench {
    let bench = Bench::snapping(store, EVERY).await;
    fill(&bench, "purse:1", &vec![filled(100); 7]).await;
    assert_eq!(load_and_keep(&bench, "1").await, (Purse { cents: 700, changes: 7 }, 7));
    bench
}

const FALSE: &str = r#"payload = '{"cents":1400,"changes":14}'"#;
const FALSE_THEN_DOUBLED: (Purse, u64) = (Purse { cents: 2_800, changes: 15 }, 8);

#[rstest]
#[tokio::test]
async fn a_load_goes_on_from_the_snapshot(#[values(Sqlite, Postgres)] store: Store) {
    let bench = seven(store).await;
    assert_eq!(kept(&bench).await, [("purse:1".into(), 7, r#"{"cents":700,"changes":7}"#.into())]);
    // What stands there is what is read, by whoever loads; that it is right, the audit shows.
    change(&bench, FALSE).await;
    fill(&bench, "purse:1", &[PurseEvent::Doubled {}]).await;
    assert_eq!(load(&bench, "1").await, FALSE_THEN_DOUBLED);
    assert_eq!(bench.log.load::<Purse>("1").await.unwrap(), FALSE_THEN_DOUBLED);
    let store = CqrsStore::new(bench.log.clone());
    let mut loaded = cqrs_es::EventStore::<Cqrs<Purse>>::load_aggregate(&store, "1").await.unwrap();
    assert_eq!(cqrs_es::AggregateContext::aggregate(&mut loaded).0, FALSE_THEN_DOUBLED.0);
    drop(store);
    let bench = bench.reopened().await.unwrap();
    assert_eq!(load(&bench, "1").await, FALSE_THEN_DOUBLED);
}

#[rstest]
#[tokio::test]
async fn a_decision_on_a_snapshot_appends_at_the_version_of_the_stream(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = seven(store).await;
    let decided = transact(&bench.log, Metadata::default(), |tx| {
        Box::pin(async move { tx.decide::<Purse, No>("1", vec![PurseEvent::Doubled {}]).await })
    });
    decided.await.unwrap();
    assert_eq!(load(&bench, "1").await, (Purse { cents: 1_400, changes: 8 }, 8));
}

#[rstest]
#[tokio::test]
async fn a_snapshot_follows_its_stream_and_every_audit_finds_it_right(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = seven(store).await;
    fill(&bench, "purse:1", &vec![PurseEvent::Doubled {}; 5]).await;
    let loaded = load_and_keep(&bench, "1").await;
    assert_eq!(loaded, (Purse { cents: 700 * 32, changes: 12 }, 12));
    let (_, version, _) = &kept(&bench).await[0];
    assert_eq!(*version, 12);
    assert_eq!(faults(&bench).await, []);
}

#[rstest]
#[tokio::test]
async fn a_short_stream_has_no_snapshot_and_each_stream_has_its_own(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = seven(store).await;
    fill(&bench, "purse:2", &vec![filled(1); 4]).await;
    fill(&bench, "purse:3", &vec![filled(2); 5]).await;
    assert_eq!(load(&bench, "2").await.0.cents, 4);
    // Made one after the other: that of the second would be there before that of the third.
    load_and_keep(&bench, "3").await;
    let streams: Vec<_> = kept(&bench).await.into_iter().map(|(stream, ..)| stream).collect();
    assert_eq!(streams, ["purse:1", "purse:3"]);
}

#[rstest]
#[tokio::test]
async fn what_a_refused_decision_had_appended_is_in_no_snapshot(#[values(Sqlite, Postgres)] store: Store) {
    let bench = seven(store).await;
    let events: Vec<_> = vec![NewEvent::of(&PurseEvent::Doubled {}).unwrap(); 5];
    let doubled = StreamAppend { events, ..noted(Log::Ledger, "purse:1") };
    let refused = transact::<(), _>(&bench.log, Metadata::default(), |tx| {
        Box::pin(async move {
            tx.append(vec![doubled]).await?;
            assert_eq!(tx.load::<Purse>("1").await?, (Purse { cents: 700 * 32, changes: 12 }, 12));
            Err(Fault::Refused(No))
        })
    });
    assert!(refused.await.is_err());
    fill(&bench, "purse:2", &vec![filled(1); 5]).await;
    load_and_keep(&bench, "2").await;
    assert_eq!(kept(&bench).await[0].1, 7, "asked for before the other, and found needless");
    assert_eq!(load(&bench, "1").await, (Purse { cents: 700, changes: 7 }, 7));
}

#[rstest]
#[tokio::test]
async fn a_snapshot_that_is_none_is_ignored_and_replaced(#[values(Sqlite, Postgres)] store: Store) {
    for broken in [
        "payload = 'nonsense'",
        r#"payload = '{"dollars":7}'"#,
        "schema_hash = leaf_hash",
        "schema_hash = substr(schema_hash, 1, 31)",
        "leaf_hash = schema_hash",
        "leaf_hash = substr(leaf_hash, 1, 31)",
        "version = 900",
        "version = 6",
        "version = -1",
    ] {
        let bench = seven(store).await;
        let right = kept(&bench).await;
        change(&bench, FALSE).await;
        change(&bench, broken).await;
        assert_eq!(load_and_keep(&bench, "1").await, (Purse { cents: 700, changes: 7 }, 7), "{broken}");
        assert_eq!(kept(&bench).await, right, "{broken}");
        assert_eq!(faults(&bench).await, [], "{broken}");
    }
}

#[rstest]
#[tokio::test]
async fn a_false_snapshot_is_found_by_the_audit(#[values(Sqlite, Postgres)] store: Store) {
    let bench = seven(store).await;
    let fault = |version| LogFault::Snapshot { log: Log::Ledger, stream: "purse:1".to_owned(), version };
    // What the store that comes with cqrs-es writes: every event applied twice.
    change(&bench, FALSE).await;
    assert_eq!(faults(&bench).await, [fault(7)]);
    for (forged, version) in [("payload = 'nonsense'", 7), ("version = 6", 6), ("version = 900", 900)] {
        let bench = seven(store).await;
        change(&bench, forged).await;
        assert_eq!(faults(&bench).await, [fault(version)], "{forged}");
    }
    // That of another program is none that is ever read here.
    change(&bench, "schema_hash = leaf_hash").await;
    assert_eq!(faults(&bench).await, []);
}

#[rstest]
fn a_fold_is_the_same_with_and_without_snapshots(#[values(Sqlite, Postgres)] store: Store) {
    let event = prop_oneof![(0..1_000_u64).prop_map(filled), Just(PurseEvent::Doubled {})];
    let pages = vec(vec(event, 0..12), 1..12);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::snapping(store, EVERY));
    let ids = std::cell::Cell::new(0);
    let checked = TestRunner::new(ProptestConfig::with_cases(32)).run(&pages, |pages| {
        let id = ids.replace(ids.get() + 1).to_string();
        runtime.block_on(agree(&bench, &id, &pages))
    });
    checked.unwrap();
    assert!(*bench.log.snapshots_written().borrow() > 32, "the property is of nothing");
    assert_eq!(runtime.block_on(faults(&bench)), []);
}

async fn agree(bench: &Bench, id: &str, pages: &[Vec<PurseEvent>]) -> Result<(), TestCaseError> {
    let mut all = Vec::new();
    for page in pages {
        fill(bench, &format!("purse:{id}"), page).await;
        all.extend(page.iter().cloned());
        let expected = (given::<Purse>(all.clone()).state(), all.len() as u64);
        // With whatever snapshot there is by now: one more may be made at any moment.
        prop_assert_eq!(load(bench, id).await, expected);
    }
    Ok(())
}

/// The same state from the same events, understood otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Later(Purse);

impl Aggregate for Later {
    const KIND: &'static str = Purse::KIND;
    const LOG: Log = Purse::LOG;
    const FOLD_VERSION: u32 = 2;
    type Command = ();
    type Event = PurseEvent;
    type Refusal = No;

    fn decide(&self, (): ()) -> Result<Vec<PurseEvent>, No> {
        Ok(Vec::new())
    }

    fn evolve(&mut self, _: &PurseEvent) {
        self.0.changes += 10;
    }
}

#[rstest]
#[tokio::test]
async fn a_fold_that_means_something_else_does_not_go_on_from_the_snapshot_of_before(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = seven(store).await;
    let (later, version) = bench.log.load::<Later>("1").await.unwrap();
    assert_eq!((later.0, version), (Purse { cents: 0, changes: 70 }, 7));
}
