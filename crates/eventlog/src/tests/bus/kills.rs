//! Many events, two publishers, a server that dies again and again.

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
};
use domain::Log::Control;
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use super::{clock, connect, take_notes};
use crate::{
    PAGE_MAX,
    bus::{Bus, Heard, Nats, Publisher},
    tests::bench::{Bench, Store},
};

const EVENTS: u64 = 50_000;
/// After which event the server is killed.
const KILLS: [u64; 3] = [8_000, 20_000, 35_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_publishers_and_a_server_that_is_killed_leave_no_gap_no_repeat_and_no_disorder() {
    let server = servers::Nats::start().await;
    let bench = Bench::new(Store::Sqlite).await;
    for _ in 0..EVENTS / PAGE_MAX as u64 {
        take_notes(&bench, Control, PAGE_MAX).await;
    }
    let mut publishers = JoinSet::new();
    for _ in 0..2 {
        let nats = connect(&server, &bench).await;
        publishers.spawn(Publisher::new(&nats, &bench.log, &clock(&bench)).run());
    }
    let nats = connect(&server, &bench).await;
    let mut heard = nats.subscribe(Control, 0);
    for position in 1..=EVENTS {
        let envelope = loop {
            if let Heard::Event(envelope) = heard.next().await.unwrap() {
                break envelope;
            }
        };
        assert_eq!(envelope.position(), position);
        if KILLS.contains(&position) {
            server.kill().await;
            server.restart().await;
        }
    }
    assert_eq!(stored(&nats).await, in_the_log(&bench).await);
}

/// Every message of the stream as it stands there: its sequence and its name.
async fn stored(nats: &Nats) -> Vec<(u64, String)> {
    let mut stream = nats.context.get_stream("VELOERA_CONTROL_1").await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    assert_eq!((state.messages, state.first_sequence, state.last_sequence), (EVENTS, 1, EVENTS));
    let all = pull::Config { ack_policy: AckPolicy::None, headers_only: true, ..pull::Config::default() };
    let messages = stream.create_consumer(all).await.unwrap().messages().await.unwrap();
    let named = |message: jetstream::Message| {
        let id = message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().to_string();
        (message.info().unwrap().stream_sequence, id)
    };
    messages.map_ok(named).take(usize::try_from(EVENTS).unwrap()).try_collect().await.unwrap()
}

/// What should stand there.
async fn in_the_log(bench: &Bench) -> Vec<(u64, String)> {
    let (reader, mut all) = (bench.log.reader(), Vec::new());
    while (all.len() as u64) < EVENTS {
        let page = reader.read(Control, all.len() as u64, PAGE_MAX).await.unwrap();
        let log_id = reader.log_id(Control);
        all.extend(
            page.iter()
                .map(|event| (event.position, format!("{log_id}:{}:{}", event.position, event.event_id))),
        );
    }
    all
}
