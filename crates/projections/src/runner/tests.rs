//! On the usage log, the read model that there is.

use std::{cell::RefCell, sync::Arc};

use domain::TimeStamp;
use eventlog::{LogReader, Pool, connect_beside};

use super::RebuildError;
use crate::{
    Calls, ControlModels,
    calls::{
        CallFilter, CallRow, list,
        tests::{charged, reached},
    },
    fixtures::House,
};

/// What the command line works with, beside the process that appends.
async fn beside(house: &House) -> (LogReader, Pool) {
    use eventlog::Inline;
    let components = [ControlModels.component(), Calls::COMPONENT];
    connect_beside(&house.dir.path().join("veloera.db"), &components).await.unwrap()
}

async fn all(house: &House) -> Vec<CallRow> {
    list(house.log.read_pool(), &CallFilter::default(), None, 100).await.unwrap()
}

/// A usage log of three calls that was spoiled; what it said before.
async fn spoiled(house: &mut House) -> (Arc<Calls>, Vec<CallRow>) {
    let calls = house.calls().await;
    for n in 1..=3 {
        charged(house, n).await;
    }
    reached(&calls, 3).await;
    let right = all(house).await;
    house.tamper("UPDATE calls SET amount_nanos = 99").await;
    assert_ne!(all(house).await, right);
    (calls, right)
}

#[tokio::test]
async fn one_that_is_rebuilt_says_what_events_say_and_goes_on_from_there() {
    let mut house = House::open().await;
    let (calls, right) = spoiled(&mut house).await;
    let (reader, writer) = beside(&house).await;
    let seen = RefCell::new(Vec::new());
    let replaced =
        Calls::rebuild(&reader, &writer, |progress| seen.borrow_mut().push(progress)).await.unwrap();
    assert_eq!((replaced.generation.to_string().as_str(), replaced.position), ("2", 3));
    assert_eq!(seen.borrow().iter().map(|it| (it.position, it.end)).collect::<Vec<_>>(), [(3, 3)]);
    assert_eq!(all(&house).await, right);
    replaced.retire(&writer).await.unwrap();
    let position = charged(&house, 4).await;
    reached(&calls, position).await;
    let after = all(&house).await;
    assert_eq!((after.len(), &after[1..]), (4, &right[..]));
    let status = Calls::status(&reader, TimeStamp::from_micros(0)).await.unwrap();
    assert_eq!((status.generation, status.position, status.lag_events), (2, 4, 0));
    assert_eq!(status.rebuilt_to, None);
}

#[tokio::test]
async fn one_that_is_rebuilt_twice_is_found_again_after_a_restart() {
    let mut house = House::open().await;
    let (calls, right) = spoiled(&mut house).await;
    let (reader, writer) = beside(&house).await;
    for _ in 0..2 {
        let replaced = Calls::rebuild(&reader, &writer, |_| {}).await.unwrap();
        replaced.retire(&writer).await.unwrap();
    }
    drop((calls, reader, writer));
    let mut house = house.reopen().await;
    let calls = house.calls().await;
    assert_eq!((calls.position(), all(&house).await), (3, right));
}

#[tokio::test]
async fn tables_without_generations_keep_their_checkpoint_when_they_get_them() {
    let mut house = House::open().await;
    let (calls, right) = spoiled(&mut house).await;
    house.tamper("UPDATE calls SET amount_nanos = position").await;
    for sql in [
        "DROP TABLE projections",
        "ALTER TABLE checkpoints RENAME TO v2",
        "CREATE TABLE checkpoints(projection TEXT PRIMARY KEY, log TEXT NOT NULL, log_id TEXT NOT NULL, \
         position INTEGER NOT NULL, event_id TEXT) STRICT, WITHOUT ROWID",
        "INSERT INTO checkpoints SELECT projection, log, log_id, position, event_id FROM v2",
        "DROP TABLE v2",
        "UPDATE schema_versions SET version = 1 WHERE component = 'calls'",
    ] {
        house.tamper(sql).await;
    }
    drop(calls);
    let mut house = house.reopen().await;
    let calls = house.calls().await;
    assert_eq!((calls.position(), all(&house).await), (3, right));
    let position = charged(&house, 4).await;
    reached(&calls, position).await;
    assert_eq!(all(&house).await.len(), 4);
}

#[tokio::test]
async fn what_a_rebuild_left_that_broke_off_is_in_nobodys_way() {
    let mut house = House::open().await;
    let (_calls, right) = spoiled(&mut house).await;
    house.tamper("CREATE TABLE calls_2(position INTEGER)").await;
    house
        .tamper("INSERT INTO checkpoints SELECT projection, 2, log, log_id, 2, event_id FROM checkpoints")
        .await;
    let (reader, writer) = beside(&house).await;
    let status = Calls::status(&reader, TimeStamp::from_micros(0)).await.unwrap();
    assert_eq!((status.generation, status.rebuilt_to), (1, Some(2)));
    Calls::rebuild(&reader, &writer, |_| {}).await.unwrap();
    assert_eq!(all(&house).await, right);
    // And this one did not live to drop what it replaced.
    Calls::rebuild(&reader, &writer, |_| {}).await.unwrap();
    house.tamper("CREATE TABLE calls(position INTEGER)").await;
    assert_eq!(all(&house).await, right);
}

#[tokio::test]
async fn of_two_rebuilds_at_once_one_gives_up_and_nothing_is_mixed() {
    let mut house = House::open().await;
    let (_calls, right) = spoiled(&mut house).await;
    let ((reader, writer), (other_reader, other_writer)) = (beside(&house).await, beside(&house).await);
    let (one, other) = tokio::join!(
        Calls::rebuild(&reader, &writer, |_| {}),
        Calls::rebuild(&other_reader, &other_writer, |_| {})
    );
    let lost = [one.err(), other.err()].into_iter().flatten().collect::<Vec<_>>();
    assert!(lost.len() < 2, "{lost:?}");
    assert!(lost.iter().all(|error| matches!(error, RebuildError::Store(_) | RebuildError::Overtaken)));
    assert_eq!(all(&house).await, right);
}

#[tokio::test]
async fn one_ahead_of_its_log_after_a_restore_is_replaced_all_the_same() {
    let mut house = House::open().await;
    let (_calls, right) = spoiled(&mut house).await;
    house.tamper("UPDATE checkpoints SET position = 1000").await;
    let (reader, writer) = beside(&house).await;
    assert!(!Calls::status(&reader, TimeStamp::from_micros(0)).await.unwrap().is_of_this_log);
    Calls::rebuild(&reader, &writer, |_| {}).await.unwrap();
    assert_eq!(all(&house).await, right);
}

#[tokio::test]
async fn a_hole_in_the_log_is_not_passed_over() {
    let mut house = House::open().await;
    for n in 1..=3 {
        charged(&house, n).await;
    }
    let house_closed = house.reopen().await;
    house = house_closed;
    house.tamper("DROP TRIGGER ledger_events_no_delete; DELETE FROM ledger_events WHERE position = 2").await;
    let (reader, writer) = beside(&house).await;
    let refused = Calls::rebuild(&reader, &writer, |_| {}).await.err().expect("a hole is no history");
    assert!(matches!(refused, RebuildError::Store(_)), "{refused}");
    assert_eq!(all(&house).await, []);
    let status = Calls::status(&reader, TimeStamp::from_micros(0)).await.unwrap();
    assert_eq!((status.generation, status.position, status.head), (1, 0, 3));
}
