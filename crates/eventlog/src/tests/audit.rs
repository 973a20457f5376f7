use domain::Log;
use uuid::Uuid;

use rstest::rstest;

use super::bench::{
    Bench,
    Store::{self, Postgres, Sqlite},
    append, note, noted,
};
use crate::{Connection, LogFault, LogSnapshot, PAGE_MAX, Recorded, StoreError, StreamAppend, on, verify};

const LOG: Log = Log::Ledger;

/// Three events: two of `note:1`, then one of `note:2`; and a way past the triggers.
async fn tampered(store: Store, statements: &[&str]) -> Bench {
    let bench = Bench::new(store).await;
    for stream in ["note:1", "note:1", "note:2"] {
        append(&bench.log, vec![noted(LOG, stream)]).await.unwrap();
    }
    bench.disarm().await;
    for statement in statements {
        run(&mut bench.raw().await, statement).await;
    }
    bench
}

async fn run(raw: &mut Connection, statement: &str) {
    let changed = on!(raw, c => sqlx::query(statement).execute(c).await.unwrap().rows_affected());
    assert_eq!(changed, 1, "{statement} hit {changed} rows");
}

async fn faults_up_to(bench: &Bench, faults_max: usize) -> (Vec<LogFault>, Vec<u64>) {
    let mut snapshot = bench.log.reader().snapshot().await.unwrap();
    let head = snapshot.heads().await.unwrap().of(LOG);
    let mut visited = Vec::new();
    let visit = async |_: &mut LogSnapshot, events: &[Recorded]| {
        visited.extend(events.iter().map(|event| event.position));
        Ok::<(), StoreError>(())
    };
    let faults = verify(&mut snapshot, LOG, head, faults_max, visit).await.unwrap();
    (faults, visited)
}

async fn faults(bench: &Bench) -> Vec<LogFault> {
    faults_up_to(bench, 100).await.0
}

/// Changes an event and gives it the hash that goes with the change.
async fn forge(bench: &Bench, position: u64, set: &str) {
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("UPDATE ledger_events SET {set} WHERE position = {position}")).await;
    let events = bench.log.reader().search(LOG, position - 1, 1, &crate::Filter::default()).await.unwrap();
    let hash = events[0].expected_hash(bench.log.reader().log_id(LOG));
    let hash = bytes(bench.store, &hex::encode(hash));
    let set = format!("UPDATE ledger_events SET leaf_hash = {hash} WHERE position = {position}");
    run(&mut raw, &set).await;
}

fn bytes(store: Store, hex: &str) -> String {
    match store {
        Sqlite => format!("x'{hex}'"),
        Postgres => format!("'\\x{hex}'::bytea"),
    }
}

#[rstest]
#[tokio::test]
async fn an_untouched_log_has_no_faults_and_every_event_is_visited(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &[]).await;
    assert_eq!(faults_up_to(&bench, 100).await, (Vec::new(), vec![1, 2, 3]));
}

#[rstest]
#[tokio::test]
async fn a_changed_byte_of_any_column_shows_and_is_not_taken_for_evidence(
    #[values(Sqlite, Postgres)] store: Store,
) {
    for set in [
        "payload = '{ }'",
        "metadata = '{ }'",
        "event_type = 'note_takem'",
        "schema_version = 2",
        "event_id = '00000000-0000-0000-0000-000000000000'",
        "recorded_at = recorded_at + 1",
        &format!("leaf_hash = {}", bytes(store, &"00".repeat(32))),
    ] {
        // The last event, so that nothing comes after it that the change could disturb.
        let bench = tampered(store, &[&format!("UPDATE ledger_events SET {set} WHERE position = 3")]).await;
        let changed = vec![LogFault::Changed { log: LOG, position: 3 }];
        assert_eq!(faults_up_to(&bench, 100).await, (changed, vec![1, 2]), "{set}");
    }
}

#[rstest]
#[tokio::test]
async fn what_cannot_even_be_read_shows_where_it_is_and_what_follows_is_read_on(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = tampered(store, &["UPDATE ledger_events SET version = -1 WHERE position = 2"]).await;
    let malformed = LogFault::Malformed { log: LOG, position: 2, what: "position or version" };
    assert_eq!(faults_up_to(&bench, 100).await, (vec![malformed], vec![1, 3]));
}

#[rstest]
#[tokio::test]
async fn a_log_is_read_in_pages_and_a_fault_between_two_of_them_shows(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = tampered(store, &[]).await;
    let more = StreamAppend { events: vec![note("{}"); 2 * PAGE_MAX + 2], ..noted(LOG, "note:3") };
    append(&bench.log, vec![more]).await.unwrap();
    let (found, visited) = faults_up_to(&bench, 100).await;
    assert_eq!((found, visited.len()), (Vec::new(), 2 * PAGE_MAX + 5));
    assert!(visited.is_sorted());
    let last_of_page = PAGE_MAX as u64;
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("DELETE FROM ledger_events WHERE position = {last_of_page}")).await;
    let hole = LogFault::Hole { log: LOG, expected: last_of_page, found: last_of_page + 1 };
    assert!(faults(&bench).await.contains(&hole));
}

#[rstest]
#[tokio::test]
async fn a_hole_shows_where_it_is_and_a_reader_stops_there(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &["DELETE FROM ledger_events WHERE position = 2"]).await;
    assert_eq!(faults(&bench).await, [LogFault::Hole { log: LOG, expected: 2, found: 3 }]);
    // One that has not appended them itself.
    let bench = bench.reopened().await.unwrap();
    let read = bench.log.reader().read(LOG, 0, 100).await;
    assert!(matches!(read, Err(StoreError::Hole { log: LOG, expected: 2, found: 3 })), "{read:?}");
}

#[rstest]
#[tokio::test]
async fn a_lost_end_shows_and_nothing_is_appended_behind_it(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &["DELETE FROM ledger_events WHERE position = 3"]).await;
    assert_eq!(faults(&bench).await, [LogFault::Head { log: LOG, head: 3, last: 2 }]);
    assert!(append(&bench.log, vec![noted(LOG, "note:1")]).await.is_err());
    let outcome = bench.reopened().await.map(|_| ());
    assert!(matches!(outcome, Err(StoreError::Head { log: LOG, head: 3, last: 2 })), "{outcome:?}");
}

#[rstest]
#[tokio::test]
async fn an_event_behind_the_head_shows(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &["UPDATE heads SET position = 2 WHERE log = 'ledger'"]).await;
    assert_eq!(faults(&bench).await, [LogFault::Head { log: LOG, head: 2, last: 3 }]);
}

#[rstest]
#[tokio::test]
async fn a_wrong_version_shows_even_under_a_right_hash(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &[]).await;
    forge(&bench, 3, "version = 5").await;
    let stream = "note:2".to_owned();
    assert_eq!(
        faults(&bench).await,
        [LogFault::Version { log: LOG, position: 3, stream, expected: 1, found: 5 }]
    );
}

#[rstest]
#[tokio::test]
async fn time_that_goes_back_shows_even_under_a_right_hash(#[values(Sqlite, Postgres)] store: Store) {
    let bench = tampered(store, &[]).await;
    forge(&bench, 3, "recorded_at = 1").await;
    assert_eq!(faults(&bench).await, [LogFault::Time { log: LOG, position: 3 }]);
}

#[rstest]
#[tokio::test]
async fn an_audit_stops_at_as_many_faults_as_are_wanted(#[values(Sqlite, Postgres)] store: Store) {
    let hide = "UPDATE ledger_events SET payload = '[]' WHERE position = ";
    let bench = tampered(store, &[&format!("{hide}1"), &format!("{hide}2"), &format!("{hide}3")]).await;
    assert_eq!(faults(&bench).await.len(), 3);
    assert_eq!(faults_up_to(&bench, 2).await.0.len(), 2);
}

#[test]
fn the_hash_of_an_event_is_what_it_has_always_been() {
    let event = Recorded {
        log: LOG,
        position: 7,
        stream: "account:ä".to_owned(),
        version: 3,
        event_id: Uuid::from_u128(0x0193_5d0e_7c00_7000_8000_0000_0000_0001),
        event_type: "quota_deducted".to_owned(),
        schema_version: 1,
        payload: r#"{"type":"quota_deducted"}"#.to_owned(),
        metadata: "{}".to_owned(),
        recorded_at: domain::TimeStamp::from_micros(1_795_507_200_000_001),
        leaf_hash: [0; 32],
    };
    // Computed by another program, from the words of the design.
    assert_eq!(
        hex::encode(event.expected_hash(Uuid::from_u128(42))),
        "1dab2d023bf1cfc11514180aa5fb6f5f489bc3e94bfc3c23d749f328ec9a861d"
    );
}
