use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domain::Log;
use futures_util::future::join_all;

use rstest::rstest;

use super::bench::{
    Bench, MORNING_US, No, Outcome,
    Store::{self, Postgres, Sqlite},
    append, command, heads, noted, send, send_append,
};
use crate::{Command, EventLog, ExecuteError, Executed, Fault};

const TEN_MINUTES_US: i64 = 600_000_000;

/// Takes a note, counts that it did, and keeps an answer.
async fn answered(log: &EventLog, number: u128) -> Outcome<&'static str> {
    send(log, command(number), |tx| {
        Box::pin(async move {
            tx.append(vec![noted(Log::Control, "note:1")]).await?;
            tx.keep_answer("the first answer".to_owned());
            Ok("fresh")
        })
    })
    .await
}

fn repeated<T>(control: u64, answer: Option<&str>) -> Executed<T> {
    Executed::Repeated { positions: heads(control, 0), answer: answer.map(str::to_owned) }
}

async fn answers_kept(bench: &Bench) -> i64 {
    bench.count("SELECT COUNT(answer) FROM commands").await
}

#[rstest]
#[tokio::test]
async fn a_repeated_command_answers_the_same_positions_and_the_kept_answer(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let first = answered(&bench.log, 1).await.unwrap();
    assert_eq!(first, Executed::Done { value: "fresh", positions: heads(1, 0) });
    append(&bench.log, vec![noted(Log::Control, "note:2")]).await.unwrap();
    assert_eq!(answered(&bench.log, 1).await.unwrap(), repeated(1, Some("the first answer")));
    assert_eq!(bench.all(Log::Control).await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn the_same_id_with_another_body_is_refused(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    answered(&bench.log, 1).await.unwrap();
    let other = Command { fingerprint: [2; 32], ..command(1) };
    let outcome = send(&bench.log, other, |_| Box::pin(async { Ok(()) })).await;
    assert!(matches!(outcome, Err(ExecuteError::KeyReused)));
}

async fn sent_fifty_times(mut bench: Bench, at_once: bool) {
    let decided = Arc::new(AtomicUsize::new(0));
    let fifty = (0..50).map(|_| {
        let decided = Arc::clone(&decided);
        send(&bench.log, command(1), move |tx| {
            Box::pin(async move {
                decided.fetch_add(1, Ordering::SeqCst);
                Ok(tx.append(vec![noted(Log::Control, "note:1")]).await?)
            })
        })
    });
    let fifty = fifty.collect();
    let outcomes = if at_once { bench.in_one_batch(fifty).await } else { join_all(fifty).await };
    assert_eq!(decided.load(Ordering::SeqCst), 1);
    let done = |outcome: &&Outcome<()>| matches!(outcome, Ok(Executed::Done { .. }));
    assert_eq!(outcomes.iter().filter(done).count(), 1);
    for outcome in outcomes {
        let (Executed::Done { positions, .. } | Executed::Repeated { positions, .. }) = outcome.unwrap();
        assert_eq!(positions, heads(1, 0));
    }
    assert_eq!(bench.all(Log::Control).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_command_sent_fifty_times_in_one_batch_is_decided_once(#[values(Sqlite, Postgres)] store: Store) {
    sent_fifty_times(Bench::waiting(store, Vec::new()).await, true).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_sent_fifty_times_beside_a_working_appender_is_decided_once(
    #[values(Sqlite, Postgres)] store: Store,
) {
    sent_fifty_times(Bench::new(store).await, false).await;
}

#[rstest]
#[tokio::test]
async fn a_refusal_is_not_remembered(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let refused = send::<(), _>(&bench.log, command(1), |_| Box::pin(async { Err(Fault::Refused(No)) }));
    assert!(matches!(refused.await, Err(ExecuteError::Refused(No))));
    let again = send_append(&bench.log, 1, vec![noted(Log::Control, "note:1")]).await;
    assert_eq!(again.unwrap(), Executed::Done { value: (), positions: heads(1, 0) });
}

#[rstest]
#[tokio::test]
async fn a_command_without_events_is_remembered_with_the_position_of_its_time(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    let nothing = || send(&bench.log, command(1), |_| Box::pin(async { Ok(()) }));
    assert_eq!(nothing().await.unwrap(), Executed::Done { value: (), positions: heads(1, 0) });
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    assert_eq!(nothing().await.unwrap(), repeated(1, None));
}

#[rstest]
#[tokio::test]
async fn a_kept_answer_is_none_of_the_next_command(#[values(Sqlite, Postgres)] store: Store) {
    let mut bench = Bench::waiting(store, Vec::new()).await;
    let refused = send(&bench.log, command(1), |tx| {
        tx.keep_answer("of another".to_owned());
        Box::pin(async { Err(Fault::Refused(No)) })
    });
    let work = vec![refused, send_append(&bench.log, 2, vec![noted(Log::Control, "note:1")])];
    bench.in_one_batch(work).await;
    assert_eq!(send_append(&bench.log, 2, Vec::new()).await.unwrap(), repeated(1, None));
}

#[rstest]
#[tokio::test]
async fn a_kept_answer_vanishes_after_ten_minutes_and_the_command_stays_known(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    answered(&bench.log, 1).await.unwrap();
    bench.clock.set(MORNING_US + TEN_MINUTES_US);
    assert_eq!(answered(&bench.log, 1).await.unwrap(), repeated(1, Some("the first answer")));
    bench.clock.set(MORNING_US + TEN_MINUTES_US + 1);
    assert_eq!(answered(&bench.log, 1).await.unwrap(), repeated(1, None));
}

#[rstest]
#[tokio::test]
async fn an_old_answer_leaves_the_database_when_the_next_one_comes(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    answered(&bench.log, 1).await.unwrap();
    answered(&bench.log, 2).await.unwrap();
    assert_eq!(answers_kept(&bench).await, 2);
    bench.clock.set(MORNING_US + TEN_MINUTES_US + 1);
    answered(&bench.log, 3).await.unwrap();
    assert_eq!(answers_kept(&bench).await, 1);
}
