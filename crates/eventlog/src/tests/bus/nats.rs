//! What NATS adds: it may be away, be wiped, be filled by somebody else.

use domain::{Log::Control, trace::TraceContext};
use futures_util::StreamExt;
use tokio::task::JoinSet;

use super::{clock, connect, hear, hear_head, positions, take_notes};
use crate::{
    StreamAppend,
    bus::{Bus, BusError, Heard, Nats, Publisher, Standing, Standings, TooBig},
    tests::bench::{Bench, Store, append, note, noted},
};

/// A log that is published to a server.
pub(super) struct Published {
    pub(super) bench: Bench,
    pub(super) nats: Nats,
    standings: Standings,
    pub(super) tasks: JoinSet<()>,
}

impl Published {
    pub(super) async fn to(server: &servers::Nats) -> Self {
        Self::of(Bench::new(Store::Sqlite).await, server).await
    }

    pub(super) async fn of(bench: Bench, server: &servers::Nats) -> Self {
        let nats = connect(server, &bench).await;
        let publisher = Publisher::new(&nats, &bench.log, &clock(&bench));
        let standings = publisher.standings();
        let mut tasks = JoinSet::new();
        tasks.spawn(publisher.run());
        Self { bench, nats, standings, tasks }
    }

    /// Waits until it goes so for the control log.
    pub(super) async fn until(&mut self, so: impl FnMut(&Standing) -> bool) -> Standing {
        self.standings.wait_for(Control, so).await
    }
}

#[tokio::test]
async fn what_is_appended_while_the_server_is_away_is_told_when_it_is_back() {
    let server = servers::Nats::start().await;
    server.kill().await;
    let mut published = Published::to(&server).await;
    let mut heard = published.nats.subscribe(Control, 0);
    take_notes(&published.bench, Control, 3).await;
    let away = published.until(|standing| standing.fault.is_some() && standing.head == 3).await;
    assert!(matches!(*away.fault.unwrap(), BusError::Away));
    assert_eq!(away.published, None);
    server.restart().await;
    assert_eq!(positions(&hear(&mut heard, &published.bench, 3).await), [1, 2, 3]);
    let there = published.until(|standing| standing.fault.is_none()).await;
    assert_eq!((there.published, there.backlog(), there.oldest_at), (Some(3), Some(0), None));

    server.kill().await;
    take_notes(&published.bench, Control, 2).await;
    let away = published.until(|standing| standing.backlog() == Some(2)).await;
    assert_eq!(away.oldest_at, Some(published.bench.all(Control).await[3].recorded_at));
    server.restart().await;
    assert_eq!(positions(&hear(&mut heard, &published.bench, 2).await), [4, 5]);
}

#[tokio::test]
async fn whoever_listens_may_go_on_with_the_trace_of_an_event() {
    let server = servers::Nats::start().await;
    let mut published = Published::to(&server).await;
    let span = |flags: u8| {
        TraceContext::read(format!("00-{}-{}-0{flags}", "a1".repeat(16), "b2".repeat(8)).as_bytes())
    };
    for trace in [None, span(0), span(1)] {
        append(&published.bench.log, vec![StreamAppend { trace, ..noted(Control, "note:1") }]).await.unwrap();
    }
    published.until(|standing| standing.published == Some(3)).await;
    let stream = published.nats.context.get_stream("VELOERA_CONTROL_1").await.unwrap();
    let first = stream.cached_info().state.first_sequence;
    let mut said = Vec::new();
    for sequence in first..first + 3 {
        let message = stream.get_raw_message(sequence).await.unwrap();
        said.push(message.headers.get("traceparent").map(ToString::to_string));
    }
    assert_eq!(said, [None, None, span(1).map(|context| context.to_string())]);
    let metadata = &published.bench.all(Control).await[1].metadata;
    assert!(metadata.contains(&"a1".repeat(16)), "the trace is known though nobody records it: {metadata}");
}

#[tokio::test]
async fn a_wiped_server_is_filled_again_from_the_log_and_whoever_listened_goes_on() {
    let server = servers::Nats::start().await;
    let published = Published::to(&server).await;
    let mut before = published.nats.subscribe(Control, 0);
    take_notes(&published.bench, Control, 20).await;
    assert_eq!(hear(&mut before, &published.bench, 20).await.len(), 20);
    server.wipe().await;
    let mut anew = published.nats.subscribe(Control, 0);
    assert_eq!(hear(&mut anew, &published.bench, 20).await, published.bench.all(Control).await);
    take_notes(&published.bench, Control, 1).await;
    assert_eq!(positions(&hear(&mut before, &published.bench, 1).await), [21]);
}

#[tokio::test]
async fn the_log_of_a_restored_database_is_another_epoch_and_whoever_listens_is_told() {
    let server = servers::Nats::start().await;
    let old = Published::to(&server).await;
    let mut heard = old.nats.subscribe(Control, 0);
    take_notes(&old.bench, Control, 5).await;
    assert_eq!(hear(&mut heard, &old.bench, 5).await.len(), 5);
    drop(old);

    let restored = Published::to(&server).await;
    take_notes(&restored.bench, Control, 2).await;
    let log_id = restored.bench.log.reader().log_id(Control);
    let head = hear_head(&mut heard, |head| head.log_id == log_id && head.position == 2).await;
    assert_eq!(head.epoch, Some(2));
    let anew = hear(&mut restored.nats.subscribe(Control, 0), &restored.bench, 2).await;
    assert_eq!(anew, restored.bench.all(Control).await);
}

#[tokio::test]
async fn whoever_listens_hears_the_events_of_a_new_epoch_from_their_beginning() {
    let server = servers::Nats::start().await;
    let old = Published::to(&server).await;
    let mut heard = old.nats.subscribe(Control, 0);
    take_notes(&old.bench, Control, 5).await;
    assert_eq!(hear(&mut heard, &old.bench, 5).await.len(), 5);
    let restored = Published::to(&server).await;
    take_notes(&restored.bench, Control, 2).await;
    assert_eq!(hear(&mut heard, &restored.bench, 2).await, restored.bench.all(Control).await);
}

#[tokio::test]
async fn a_publisher_at_work_gives_way_to_another_log_and_says_so() {
    let server = servers::Nats::start().await;
    let mut old = Published::to(&server).await;
    take_notes(&old.bench, Control, 1).await;
    old.until(|standing| standing.published == Some(1)).await;
    let mut new = Published::to(&server).await;
    take_notes(&new.bench, Control, 1).await;
    let other = new.bench.log.reader().log_id(Control);
    let superseded = |fault: &BusError| matches!(fault, BusError::Superseded { by, .. } if *by == other);
    old.until(|standing| standing.fault.as_deref().is_some_and(superseded)).await;
    let standing = new.until(|standing| standing.published == Some(1)).await;
    assert_eq!(standing.epoch, Some(2));
}

#[tokio::test]
async fn an_event_that_no_message_can_carry_leaves_its_place_empty_and_is_named() {
    let server = servers::Nats::start().await;
    let mut published = Published::to(&server).await;
    let events = [1, 2_000_000, 1].map(|bytes| note(&format!("\"{}\"", "x".repeat(bytes)))).to_vec();
    append(&published.bench.log, vec![StreamAppend { events, ..noted(Control, "note:1") }]).await.unwrap();
    let mut heard = published.nats.subscribe(Control, 0);
    assert_eq!(positions(&hear(&mut heard, &published.bench, 2).await), [1, 3]);
    let TooBig { position, bytes, bytes_max, .. } =
        published.until(|standing| standing.published == Some(3)).await.too_big.unwrap();
    assert_eq!((position, bytes_max), (2, 1024 * 1024));
    assert!(bytes > 2_000_000, "{bytes}");
}

#[tokio::test]
async fn a_head_that_nobody_marked_is_not_heeded() {
    let server = servers::Nats::start().await;
    let published = Published::to(&server).await;
    let mut heard = published.nats.subscribe(Control, 0);
    // One that is told before the bus is filled does not know the epoch yet.
    let real = hear_head(&mut heard, |head| head.epoch.is_some()).await;
    let mut forged = serde_json::to_value(real).unwrap();
    forged["position"] = 99.into();
    forged["mark"] = "00".repeat(32).into();
    for body in [forged.to_string(), "no head".to_owned()] {
        published.nats.client.publish("ctl.head.control", body.into()).await.unwrap();
    }
    let heard = heard.take(2).collect::<Vec<_>>().await;
    assert_eq!(heard, [Heard::Head(real), Heard::Head(real)]);
}

#[tokio::test]
async fn a_publisher_ends_with_its_log_and_publishes_what_is_left_before() {
    let server = servers::Nats::start().await;
    let mut published = Published::to(&server).await;
    published.until(|standing| standing.published == Some(0)).await;
    take_notes(&published.bench, Control, 300).await;
    let Published { bench, nats, mut tasks, .. } = published;
    let all = bench.all(Control).await;
    let bench = bench.reopened().await.unwrap();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(hear(&mut nats.subscribe(Control, 0), &bench, 300).await, all);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let bench = Bench::new(Store::Sqlite).await;
    let refused = Nats::connect("nats://a:4222, http://b", bench.log.sealer().clone()).await;
    assert!(matches!(refused, Err(BusError::Address(_))), "{:?}", refused.err());
}
