//! The stream itself: whose it is, what it holds, how it is kept.

use async_nats::jetstream::stream::{Config, PersistenceMode};
use domain::Log::{Control, Ledger};
use rstest::rstest;

use super::{connected, hear, hear_head, nats::Published, positions, take_notes};
use crate::{
    bus::{Bus, BusError, Epoch},
    tests::bench::{Bench, Store},
};

#[tokio::test]
async fn a_configuration_that_the_server_ignores_is_refused() {
    let server = servers::Nats::start().await;
    let bench = Bench::new(Store::Sqlite).await;
    let nats = connected(&server, &bench).await;
    let epoch = Epoch { log: Control, log_id: bench.log.reader().log_id(Control), number: 1, base: 0 };
    let asked = Config { persist_mode: Some(PersistenceMode::Async), ..epoch.config() };
    let made = nats.make(&asked).await;
    // Servers from 2.12 on know this field.
    let minor = nats.client.server_info().version.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    if minor >= 12 {
        assert_eq!(made.unwrap().cached_info().config.persist_mode, asked.persist_mode);
    } else {
        let refused = made.err().unwrap();
        assert!(matches!(&refused, BusError::Ignored { field, .. } if field == "persist_mode"), "{refused}");
    }
}

#[tokio::test]
async fn a_stream_of_somebody_else_is_left_alone() {
    let server = servers::Nats::start().await;
    let bench = Bench::new(Store::Sqlite).await;
    let context = connected(&server, &bench).await.context;
    let theirs = Config { name: "AUDIT".into(), subjects: vec!["evt.>".into()], ..Config::default() };
    context.create_stream(theirs).await.unwrap();
    let mut published = Published::of(bench, &server).await;
    let theirs = |fault: &BusError| matches!(fault, BusError::Foreign(stream) if stream == "AUDIT");
    published.until(|standing| standing.fault.as_deref().is_some_and(theirs)).await;
    let mut stream = context.get_stream("AUDIT").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
    context.delete_stream("AUDIT").await.unwrap();
    assert_eq!(published.until(|standing| standing.fault.is_none()).await.published, Some(0));
}

#[tokio::test]
async fn a_stream_that_lost_its_beginning_is_heard_from_where_it_begins_and_its_bounds_are_put_right() {
    let server = servers::Nats::start().await;
    let mut published = Published::to(&server).await;
    take_notes(&published.bench, Control, 10).await;
    published.until(|standing| standing.published == Some(10)).await;
    let context = &published.nats.context;
    let mut stream = context.get_stream("VELOERA_CONTROL_1").await.unwrap();
    let right = stream.cached_info().config.clone();
    context.update_stream(Config { max_messages: 4, ..right.clone() }).await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 4);

    let mut heard = published.nats.subscribe(Control, 2);
    assert_eq!(positions(&hear(&mut heard, &published.bench, 4).await), [7, 8, 9, 10]);
    // The next look at the stream comes with a head.
    hear_head(&mut heard, |_| true).await;
    hear_head(&mut heard, |_| true).await;
    assert_eq!(stream.info().await.unwrap().config, right);
    take_notes(&published.bench, Control, 1).await;
    assert_eq!(positions(&hear(&mut heard, &published.bench, 1).await), [11]);
}

/// A database that was put back to an earlier state under its old name, and went on otherwise.
#[rstest]
#[case::shorter(2)]
#[case::as_long(5)]
#[case::longer(7)]
#[tokio::test]
async fn a_log_that_lost_events_which_were_published_begins_a_new_epoch(#[case] others: usize) {
    let server = servers::Nats::start().await;
    let published = Published::to(&server).await;
    let mut heard = published.nats.subscribe(Ledger, 0);
    take_notes(&published.bench, Ledger, 10).await;
    assert_eq!(hear(&mut heard, &published.bench, 10).await.len(), 10);

    let Published { bench, mut tasks, .. } = published;
    tasks.shutdown().await;
    bench.disarm().await;
    let mut raw = bench.raw().await;
    raw.execute("DELETE FROM ledger_events WHERE position > 5").await.unwrap();
    raw.execute("UPDATE heads SET position = 5 WHERE log = 'ledger'").await.unwrap();
    drop(raw);
    let bench = bench.reopened().await.unwrap();
    take_notes(&bench, Ledger, others).await;

    let published = Published::of(bench, &server).await;
    let count = 5 + others;
    let head = hear_head(&mut heard, |head| {
        head.epoch != Some(1) && head.epoch.is_some() && head.position == count as u64
    })
    .await;
    assert_eq!((head.epoch, head.log_id), (Some(2), published.bench.log.reader().log_id(Ledger)));
    let mut anew = published.nats.subscribe(Ledger, 0);
    assert_eq!(hear(&mut anew, &published.bench, count).await, published.bench.all(Ledger).await);
}
