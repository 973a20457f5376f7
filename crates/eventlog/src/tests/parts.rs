//! Parts of a log by position, which only Postgres has.

use domain::Log;

use super::bench::{Bench, No, Store::Postgres, append, command, heads, noted, send, send_append};
use crate::{ExecuteError, Executed, Fault, StreamAppend, on};

fn several(count: usize) -> Vec<StreamAppend> {
    (0..count).map(|number| noted(Log::Ledger, &format!("note:{}", number % 2))).collect()
}

async fn parts(bench: &Bench) -> Vec<(i64, i64)> {
    let sql = "SELECT first, last FROM partitions WHERE log = 'ledger' ORDER BY first";
    on!(&mut bench.raw().await, c => sqlx::query_as(sql).fetch_all(c).await.unwrap())
}

async fn parted() -> Bench {
    let mut bench = Bench::parted(Postgres, Vec::new(), 3).await;
    bench.start();
    bench
}

#[tokio::test]
async fn each_part_is_made_before_its_first_event_and_readers_see_one_log() {
    let bench = parted().await;
    append(&bench.log, several(3)).await.unwrap();
    assert_eq!(parts(&bench).await, [(1, 3)]);
    append(&bench.log, several(5)).await.unwrap();
    assert_eq!(parts(&bench).await, [(1, 3), (4, 6), (7, 9)]);
    let events = bench.all(Log::Ledger).await;
    assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let stream = bench.log.reader().stream(Log::Ledger, "note:0").await.unwrap();
    assert_eq!(stream.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(bench.all(Log::Control).await.is_empty(), "parts of one log are none of the other");
}

#[tokio::test]
async fn a_refused_decision_leaves_no_part_behind_and_the_next_one_makes_it() {
    let mut bench = Bench::parted(Postgres, Vec::new(), 3).await;
    let refused = send::<(), _>(&bench.log, command(1), |tx| {
        Box::pin(async move {
            tx.append(several(4)).await?;
            Err(Fault::Refused(No))
        })
    });
    let outcomes = bench.in_one_batch(vec![refused, send_append(&bench.log, 2, several(1))]).await;
    assert!(matches!(outcomes[0], Err(ExecuteError::Refused(No))));
    assert_eq!(*outcomes[1].as_ref().unwrap(), Executed::Done { value: (), positions: heads(0, 1) });
    assert_eq!(parts(&bench).await, [(1, 3)]);
}

#[tokio::test]
async fn a_log_that_is_reopened_knows_its_parts() {
    let bench = parted().await;
    append(&bench.log, several(3)).await.unwrap();
    let bench = bench.reopened().await.unwrap();
    append(&bench.log, several(1)).await.unwrap();
    assert_eq!(parts(&bench).await, [(1, 3), (4, 6)]);
}

#[tokio::test]
async fn whoever_reads_on_touches_only_the_parts_that_are_left() {
    let bench = parted().await;
    append(&bench.log, several(8)).await.unwrap();
    let sql = "EXPLAIN SELECT payload FROM ledger_events WHERE position > 7 ORDER BY position LIMIT 1000";
    let plan: Vec<String> =
        on!(&mut bench.raw().await, c => sqlx::query_scalar(sql).fetch_all(c).await.unwrap());
    let plan = plan.join("\n");
    let touched = |part: &str| plan.contains(&format!("on {part} "));
    assert!(touched("ledger_events_7"), "{plan}");
    assert!(!touched("ledger_events_1") && !touched("ledger_events_4"), "{plan}");
}
