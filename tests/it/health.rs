//! Channels that fail are left alone, probed and taken back, and nobody pays for it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use domain::account::AttemptOutcome;
use serde_json::json;
use tests::{
    End, FakeProvider, Launch, Received, Reply, World,
    client::{chat, streamed_chat},
    ledger_facts,
    price::MODEL,
    provider::{Answer, Break},
    wait,
};
use tokio::task::JoinSet;

const CALLS: usize = 1_000;
const AT_ONCE: usize = 40;
/// After so many failures in a row nobody asks any more.
const FAILURES_MAX: usize = 5;
/// Probes within the time that such a test may take: one every five seconds at most, and fewer each time.
const PROBES: usize = 12;

/// How a call ended for its client, with its id.
enum Ended {
    Well(String),
    Cut(String),
    Refused(String),
}

async fn call(world: &World, number: usize) -> Ended {
    let (client, text) = (world.api(), format!("call {number}"));
    if number.is_multiple_of(2) {
        let answer = client.chat(&chat(MODEL, &text)).await.unwrap();
        let id = answer.header("x-request-id").unwrap().to_owned();
        if answer.status == 200 {
            return Ended::Well(id);
        }
        let code = answer.json()["error"]["code"].clone();
        assert!(
            [json!("upstream_error"), json!("upstream_timeout"), json!("service_unavailable")]
                .contains(&code),
            "{answer:?}"
        );
        return Ended::Refused(id);
    }
    let stream = client.stream(&streamed_chat(MODEL, &text)).await.unwrap();
    let id = stream.headers["x-request-id"].to_str().unwrap().to_owned();
    match (stream.status.as_u16(), stream.end) {
        (200, End::Done) => Ended::Well(id),
        (200, End::Error) => Ended::Cut(id),
        (status, _) => {
            assert!([502, 503, 504].contains(&status), "{stream:?}");
            Ended::Refused(id)
        }
    }
}

/// A gateway with three channels that only fail: one that nobody listens at, one that stalls and one that cuts.
async fn beset() -> (World, FakeProvider, FakeProvider) {
    let launch = Launch::default().set("FIRST_BYTE_TIMEOUT_MS", 1_000).set("IDLE_TIMEOUT_MS", 1_000);
    let world = World::launched(launch, |_| Reply::Answer(Answer::words(5, 20, 5))).await;
    let gone = FakeProvider::deciding(|_| Reply::Silence).await.base_url();
    let stalling = FakeProvider::deciding(|_| Reply::Silence).await;
    let cutting =
        FakeProvider::deciding(|_| Reply::Answer(Answer::words(9, 20, 9).breaking(Break::CutAfter(3)))).await;
    let admin = world.admin();
    for base_url in [gone, stalling.base_url(), cutting.base_url()] {
        admin.channel(&base_url, &[MODEL], 10).await;
    }
    (world, stalling, cutting)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_over_failing_channels_end_well_or_as_errors_and_are_billed_once() {
    let (world, stalling, cutting) = beset().await;
    let world = Arc::new(world);
    let (mut calls, mut ended) = (JoinSet::new(), Vec::new());
    for number in 0..CALLS {
        if calls.len() >= AT_ONCE {
            ended.push(calls.join_next().await.unwrap().unwrap());
        }
        let world = Arc::clone(&world);
        calls.spawn(async move { call(&world, number).await });
    }
    while let Some(one) = calls.join_next().await {
        ended.push(one.unwrap());
    }
    let well = ended.iter().filter(|one| matches!(one, Ended::Well(_))).count();
    let cut = ended.iter().filter(|one| matches!(one, Ended::Cut(_))).count();
    assert!(well > CALLS - 2 * AT_ONCE - PROBES * 2, "only {well} ended well, {cut} were cut");
    let asked = (stalling.received().len(), cutting.received().len());
    let most = FAILURES_MAX + AT_ONCE + PROBES;
    assert!(asked.0 <= most && asked.1 <= most, "asked {asked:?} times, at most {most}");
    billed_once(&world, &ended).await;
    Arc::into_inner(world).unwrap().close().await;
}

/// Whoever got an answer, or a part of one, is charged once for what its provider bills; nobody else pays.
async fn billed_once(world: &World, ended: &[Ended]) {
    let admin = world.admin();
    let charges = wait::until("every charge", tests::world::SEEN_MAX, async || {
        let charges = ledger_facts::charges(&admin).await;
        let paid = charges.iter().filter(|charge| charge.amount_nanos.get() > 0).count();
        let owed = ended.iter().filter(|one| !matches!(one, Ended::Refused(_))).count();
        (paid >= owed).then_some(charges)
    })
    .await;
    let mut by_call = BTreeMap::new();
    for charge in &charges {
        let twice = by_call.insert(charge.call_id.to_string(), charge);
        assert!(twice.is_none(), "{} is charged twice", charge.call_id);
    }
    let good: u64 = world.provider.bills().iter().map(tests::Bill::nanos).sum();
    let mut paid = 0;
    for one in ended {
        match one {
            Ended::Well(id) => {
                paid += by_call[id].amount_nanos.get();
                assert_eq!(by_call[id].attempts.last().unwrap().outcome, AttemptOutcome::Billed);
            }
            Ended::Cut(id) => assert!(by_call[id].amount_nanos.get() > 0),
            Ended::Refused(id) => {
                assert!(by_call.get(id).is_none_or(|charge| charge.amount_nanos.get() == 0), "{id}");
            }
        }
    }
    assert_eq!(paid, good, "what the good provider bills is what its callers paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_keys_are_refused_is_disabled_by_an_event_and_enabled_by_a_probe() {
    let status = Arc::new(AtomicU16::new(401));
    let said = Arc::clone(&status);
    let world = World::start(move |_: &Received| match said.load(Ordering::SeqCst) {
        200 => Reply::Answer(Answer::words(3, 20, 3)),
        status => Reply::status(status),
    })
    .await;
    let admin = world.admin();
    let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (502, &json!("upstream_error")));
    let events = async |event_type: &str| {
        let events = ledger_facts::events(&admin, "control").await;
        events.into_iter().filter(|event| event["event_type"] == event_type).collect::<Vec<_>>()
    };
    let disabled =
        wait::until("the event", tests::world::SEEN_MAX, async || events("channel_disabled").await.pop())
            .await;
    assert_eq!(disabled["payload"]["by"], "health");
    let resting = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(
        (resting.status.as_u16(), resting.header("retry-after").is_some()),
        (503, true),
        "{resting:?}"
    );
    assert_eq!(world.provider.received().len(), 1, "it is left alone");
    status.store(200, Ordering::SeqCst);
    wait::until("a probe that is taken", Duration::from_secs(30), async || {
        (world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status == 200).then_some(())
    })
    .await;
    wait::until("the event", tests::world::SEEN_MAX, async || events("channel_enabled").await.pop()).await;
    assert_eq!(events("channel_disabled").await.len(), 1);
    world.charges(1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_rests_and_the_channels_other_key_answers() {
    let world = World::start(|request| match request.headers["authorization"].to_str().unwrap() {
        "Bearer sk-bad" => Reply::status(401),
        _ => Reply::Answer(Answer::words(3, 20, 3)),
    })
    .await;
    let admin = world.admin();
    admin.delete_channels().await;
    let channel = json!({
        "name": "two keys", "provider": "openai_compatible", "base_url": world.provider.base_url(),
        "keys": ["sk-bad", "sk-good"], "models": [MODEL], "groups": ["default"], "priority": 0, "weight": 1
    });
    admin.create("/channels", channel).await;
    for _ in 0..30 {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    }
    let bad =
        world.provider.received().into_iter().filter(|it| it.headers["authorization"] == "Bearer sk-bad");
    assert!(bad.count() <= 1 + PROBES, "a refused key is asked by probes only");
    world.charges(30).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_channel_is_asked_again_when_it_said() {
    let world = World::start(|_| Reply::Status { status: 429, retry_after: Some(60) }).await;
    for _ in 0..5 {
        let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert_eq!((answer.status.as_u16(), (50..=60).contains(&seconds)), (429, true), "{answer:?}");
    }
    assert_eq!(world.provider.received().len(), 1);
    world.close().await;
}
