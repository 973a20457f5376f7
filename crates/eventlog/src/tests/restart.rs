//! The process that writes, or the server it writes to, dies in the middle.

use std::collections::HashSet;

use domain::Log;
use futures_util::future::join_all;
use rstest::rstest;

use super::bench::{
    Bench, Outcome,
    Store::{self, Postgres, Sqlite},
    noted, send_append,
};
use crate::{EventLog, Executed};

const ROUNDS: u128 = 3;
/// More than one transaction takes.
const ROUND: u128 = 300;

/// Some commands at once, each of them an event of each log.
async fn send_all(log: &EventLog, numbers: std::ops::Range<u128>) -> Vec<Outcome<()>> {
    let appends = |number: u128| {
        let stream = format!("note:{}", number % 7);
        vec![noted(Log::Control, &stream), noted(Log::Ledger, &stream)]
    };
    join_all(numbers.map(|number| send_append(log, number, appends(number)))).await
}

/// The commands of one round, while `fault` comes to pass once the first of them are committed.
async fn send_round(log: &EventLog, round: u128, fault: impl Future<Output = ()>) {
    let mut heads = log.subscribe();
    heads.mark_unchanged();
    let (_unknown, ()) = tokio::join!(send_all(log, round * ROUND..(round + 1) * ROUND), async {
        heads.changed().await.unwrap();
        fault.await;
    });
}

/// However often they were sent, each was carried out once.
async fn assert_once_each(bench: &Bench, outcomes: &[Outcome<()>]) {
    let count = ROUNDS * ROUND;
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(Executed::Done { .. } | Executed::Repeated { .. })), "{outcome:?}");
    }
    assert_eq!(bench.count("SELECT COUNT(*) FROM commands").await, i64::try_from(count).unwrap());
    for log in Log::ALL {
        let events = bench.all(log).await;
        let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
        assert_eq!(positions, (1..=u64::try_from(count).unwrap()).collect::<Vec<_>>(), "{log}");
        let commands: HashSet<_> = events.iter().map(|event| &event.metadata).collect();
        assert_eq!(commands.len() as u128, count, "{log}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_dies_in_the_middle_has_each_command_once_when_they_are_sent_again(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut bench = Bench::new(store).await;
    for round in 0..ROUNDS {
        let log = bench.log.clone();
        send_round(&log, round, async { bench.dies() }).await;
        drop(log);
        bench = bench.reopened().await.unwrap();
    }
    let outcomes = send_all(&bench.log, 0..ROUNDS * ROUND).await;
    assert_once_each(&bench, &outcomes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_has_each_command_once_when_they_are_sent_again() {
    let server = servers::Postgres::start().await;
    let bench = Bench::on(&server).await;
    for round in 0..ROUNDS {
        send_round(&bench.log, round, async {
            server.kill().await;
            server.restart().await;
        })
        .await;
    }
    // The same log, the same handle: its connection is made anew by itself.
    let mut outcomes = send_all(&bench.log, 0..ROUNDS * ROUND).await;
    while outcomes.iter().any(Result::is_err) {
        outcomes = send_all(&bench.log, 0..ROUNDS * ROUND).await;
    }
    assert_once_each(&bench, &outcomes).await;
}
