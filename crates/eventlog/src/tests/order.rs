use std::{collections::HashMap, time::Duration};

use domain::Log;
use tokio::{task::JoinSet, time::timeout};

use rstest::rstest;

use super::bench::{
    Bench,
    Store::{self, Postgres, Sqlite},
    append, heads, noted,
};
use crate::{EventLog, Recorded, connect_read_only};

const WRITERS: u64 = 16;
const APPENDS: u64 = 25;
/// Past which it is not late but deaf.
const HEARD_MAX: Duration = Duration::from_mins(1);
/// Each append has a note for one stream of the control log and two for streams of the ledger log.
const CONTROL: u64 = WRITERS * APPENDS;
const LEDGER: u64 = 2 * CONTROL;

fn writers(log: &EventLog) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    write(&mut writers, log);
    writers
}

fn write(writers: &mut JoinSet<()>, log: &EventLog) {
    for writer in 0..WRITERS {
        let log = log.clone();
        writers.spawn(async move {
            for round in 0..APPENDS {
                let shared = |part: u64| format!("note:{}", (writer + round * part) % 5);
                let appends = vec![
                    noted(Log::Control, &shared(1)),
                    noted(Log::Ledger, &shared(2)),
                    noted(Log::Ledger, &shared(3)),
                ];
                append(&log, appends).await.unwrap();
            }
        });
    }
}

async fn done(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

fn assert_gapless(events: &[Recorded], count: u64) {
    let mut versions = HashMap::<&str, u64>::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position, position);
        let version = versions.entry(&event.stream).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "{}", event.stream);
    }
    assert_eq!(events.len() as u64, count);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_sixteen_tasks_append_to_shared_streams_has_no_gaps_and_versions_in_the_order_of_positions(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    done(writers(&bench.log)).await;
    assert_gapless(&bench.all(Log::Control).await, CONTROL);
    assert_gapless(&bench.all(Log::Ledger).await, LEDGER);
    assert_eq!(bench.log.reader().heads().await.unwrap(), heads(CONTROL, LEDGER));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_follows_misses_nothing_and_sees_everything_in_order(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let mut tasks = writers(&bench.log);
    for (log, count) in [(Log::Control, CONTROL), (Log::Ledger, LEDGER)] {
        let reader = bench.log.reader().clone();
        let mut known = bench.log.subscribe();
        tasks.spawn(async move {
            let mut seen = Vec::new();
            while (seen.len() as u64) < count {
                let head = known.wait_for(|heads| heads.of(log) > seen.len() as u64).await.unwrap().of(log);
                while (seen.len() as u64) < head {
                    let page = reader.read(log, seen.len() as u64, 7).await.unwrap();
                    assert!(!page.is_empty(), "what is announced can be read");
                    seen.extend(page);
                }
            }
            assert_gapless(&seen, count);
        });
    }
    done(tasks).await;
}

#[rstest]
#[tokio::test]
async fn a_second_process_that_writes_takes_turns(#[values(Sqlite, Postgres)] store: Store) {
    let mut bench = Bench::new(store).await;
    let other = bench.second_writer().await;
    for round in 0..5 {
        let log = if round % 2 == 0 { &bench.log } else { &other };
        append(log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    }
    assert_gapless(&bench.all(Log::Control).await, 5);
}

#[rstest]
#[tokio::test]
async fn a_process_that_writes_nothing_hears_of_what_another_has_written(#[values(Postgres)] store: Store) {
    let mut bench = Bench::new(store).await;
    let other = bench.second_writer().await;
    let mut heard = bench.log.subscribe();
    append(&other, vec![noted(Log::Control, "note:1"), noted(Log::Ledger, "note:1")]).await.unwrap();
    let told = timeout(HEARD_MAX, heard.wait_for(|told| told.reach(heads(1, 1)))).await;
    assert_eq!(*told.expect("it hears of it by itself").unwrap(), heads(1, 1));
    assert_eq!(bench.log.reader().read(Log::Control, 0, 9).await.unwrap().len(), 1);
    // And what it writes then comes after.
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    assert_gapless(&bench.all(Log::Control).await, 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_and_sixteen_tasks_leave_no_gap_and_a_reader_of_neither_misses_anything(
    #[values(Postgres)] store: Store,
) {
    let mut bench = Bench::new(store).await;
    let other = bench.second_writer().await;
    let reader = connect_read_only(bench.database(), &[]).await.unwrap();
    let mut tasks = writers(&bench.log);
    write(&mut tasks, &other);
    let mut seen = Vec::new();
    while (seen.len() as u64) < 2 * LEDGER {
        // Nobody tells it: it asks, and what it is given is what comes next, or nothing.
        seen.extend(reader.read(Log::Ledger, seen.len() as u64, 50).await.unwrap());
    }
    done(tasks).await;
    assert_gapless(&seen, 2 * LEDGER);
    assert_eq!(bench.log.reader().heads().await.unwrap(), heads(2 * CONTROL, 2 * LEDGER));
}

#[rstest]
#[tokio::test]
async fn a_snapshot_shows_nothing_that_is_written_after_it(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap();
    let mut snapshot = bench.log.reader().snapshot().await.unwrap();
    append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap();
    assert_eq!(snapshot.heads().await.unwrap(), heads(0, 1));
    assert_eq!(bench.log.reader().heads().await.unwrap(), heads(0, 2));
}

#[rstest]
#[tokio::test]
async fn a_stream_is_read_backwards_in_pages_without_gap_or_repeat(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    for _ in 0..5 {
        append(&bench.log, vec![noted(Log::Ledger, "note:1"), noted(Log::Ledger, "note:2")]).await.unwrap();
    }
    let page = async |before| {
        let page = bench.log.reader().stream_back(Log::Ledger, "note:1", before, 2).await.unwrap();
        assert!(page.iter().all(|event| event.stream == "note:1"), "{page:?}");
        page.iter().map(|event| event.version).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, [5, 4]);
    assert_eq!(page(Some(4)).await, [3, 2]);
    assert_eq!(page(Some(2)).await, [1]);
    assert!(page(Some(1)).await.is_empty());
}
