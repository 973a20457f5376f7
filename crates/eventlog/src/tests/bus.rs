//! What every bus promises, each promise shown on each of them.

mod kills;
mod nats;
mod streams;

use std::sync::Arc;

use domain::Log::{self, Control, Ledger};
use futures_util::{StreamExt, stream};
use rstest::rstest;
use tokio::task::JoinSet;

use self::Kind::{InProcess, JetStream};
use super::bench::{Bench, Store, append, note, noted};
use crate::{
    Clock, Recorded, StreamAppend,
    bus::{self, Bus, Head, Heard, Publisher, Subscription},
};

/// Which bus.
#[derive(Clone, Copy, Debug)]
enum Kind {
    InProcess,
    JetStream,
}

/// A log and whoever tells of it.
struct Told {
    bench: Bench,
    bus: Box<dyn Bus>,
    /// What the bus works with, for as long as it should.
    _beside: (Option<servers::Nats>, JoinSet<()>),
}

impl Told {
    async fn new(kind: Kind) -> Self {
        let bench = Bench::new(Store::Sqlite).await;
        let mut tasks = JoinSet::new();
        let (bus, server): (Box<dyn Bus>, _) = match kind {
            InProcess => (Box::new(bus::InProcess::new(&bench.log, clock(&bench))), None),
            JetStream => {
                let server = servers::Nats::start().await;
                let nats = connect(&server, &bench).await;
                tasks.spawn(Publisher::new(&nats, &bench.log, &clock(&bench)).run());
                (Box::new(nats), Some(server))
            }
        };
        Self { bench, bus, _beside: (server, tasks) }
    }
}

fn clock(bench: &Bench) -> Arc<dyn Clock> {
    Arc::clone(&bench.clock) as Arc<dyn Clock>
}

async fn connect(server: &servers::Nats, bench: &Bench) -> bus::Nats {
    bus::Nats::connect(&server.url(), bench.log.sealer().clone()).await.unwrap()
}

/// The same, once it is connected.
async fn connected(server: &servers::Nats, bench: &Bench) -> bus::Nats {
    let mut nats = connect(server, bench).await;
    nats.connections.wait_for(|count| *count > 0).await.unwrap();
    nats
}

/// So many notes, in one append.
async fn take_notes(bench: &Bench, log: Log, count: usize) {
    let events = (0..count).map(|number| note(&format!("{{\"n\":{number}}}"))).collect();
    append(&bench.log, vec![StreamAppend { events, ..noted(log, "note:a.b *>") }]).await.unwrap();
}

/// The next events that are heard, opened.
async fn hear(subscription: &mut Subscription, bench: &Bench, count: usize) -> Vec<Recorded> {
    let events = subscription.by_ref().filter_map(|heard| async {
        match heard {
            Heard::Event(envelope) => Some(envelope.open(bench.log.sealer()).unwrap()),
            Heard::Head(_) => None,
        }
    });
    events.take(count).collect().await
}

/// The next head that is so.
async fn hear_head(subscription: &mut Subscription, so: impl Fn(&Head) -> bool) -> Head {
    loop {
        if let Heard::Head(head) = subscription.next().await.unwrap()
            && so(&head)
        {
            return head;
        }
    }
}

fn positions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.position).collect()
}

#[rstest]
#[tokio::test]
async fn whoever_listens_hears_what_was_and_what_comes_in_order_and_as_it_stands_in_the_log(
    #[values(InProcess, JetStream)] kind: Kind,
) {
    let told = Told::new(kind).await;
    take_notes(&told.bench, Control, 10).await;
    let mut heard = told.bus.subscribe(Control, 3);
    let before = hear(&mut heard, &told.bench, 7).await;
    take_notes(&told.bench, Control, 5).await;
    let after = hear(&mut heard, &told.bench, 5).await;
    assert_eq!([before, after].concat(), told.bench.all(Control).await[3..]);
}

#[rstest]
#[tokio::test]
async fn each_log_is_told_by_itself(#[values(InProcess, JetStream)] kind: Kind) {
    let told = Told::new(kind).await;
    take_notes(&told.bench, Control, 2).await;
    take_notes(&told.bench, Ledger, 3).await;
    for (log, count) in [(Control, 2), (Ledger, 3)] {
        let events = hear(&mut told.bus.subscribe(log, 0), &told.bench, count).await;
        assert_eq!(events, told.bench.all(log).await);
    }
}

#[rstest]
#[tokio::test]
async fn everyone_who_listens_hears_everything(#[values(InProcess, JetStream)] kind: Kind) {
    let told = Told::new(kind).await;
    let mut all: Vec<_> = (0..3).map(|_| told.bus.subscribe(Control, 0)).collect();
    take_notes(&told.bench, Control, 4).await;
    for subscription in &mut all {
        assert_eq!(positions(&hear(subscription, &told.bench, 4).await), [1, 2, 3, 4]);
    }
}

#[rstest]
#[tokio::test]
async fn how_far_a_log_has_come_is_told_after_its_events_and_again_when_nothing_happens(
    #[values(InProcess, JetStream)] kind: Kind,
) {
    let told = Told::new(kind).await;
    take_notes(&told.bench, Ledger, 4).await;
    let mut heard = told.bus.subscribe(Ledger, 4);
    for _ in 0..2 {
        let head = hear_head(&mut heard, |head| head.position > 0).await;
        assert_eq!((head.log, head.position, head.epoch), (Ledger, 4, Some(1)));
        assert_eq!(head.log_id, told.bench.log.reader().log_id(Ledger));
    }
}

#[rstest]
#[tokio::test]
async fn every_event_that_is_heard_twice_is_told_apart_by_its_position(
    #[values(InProcess, JetStream)] kind: Kind,
) {
    let told = Told::new(kind).await;
    take_notes(&told.bench, Control, 50).await;
    let twice = stream::select(told.bus.subscribe(Control, 0), told.bus.subscribe(Control, 0));
    let mut heard = hear(&mut twice.boxed(), &told.bench, 100).await;
    heard.sort_by_key(|event| event.position);
    assert!(heard.chunks(2).all(|pair| pair[0] == pair[1]));
    let mut last = 0;
    heard.retain(|event| std::mem::replace(&mut last, event.position) < event.position);
    assert_eq!(heard, told.bench.all(Control).await);
}

#[tokio::test]
async fn what_is_told_within_a_process_ends_with_the_log() {
    let bench = Bench::new(Store::Sqlite).await;
    let heard = bus::InProcess::new(&bench.log, clock(&bench)).subscribe(Control, 0);
    drop(bench);
    assert_eq!(heard.filter(|heard| std::future::ready(matches!(heard, Heard::Event(_)))).count().await, 0);
}
