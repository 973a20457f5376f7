use std::sync::Arc;

use domain::{
    ChannelId, ChannelKeyId,
    account::{Attempt, AttemptOutcome},
    price::{Price, Rates, Tier},
};
use uuid::Uuid;

use super::{
    provider::{Act, USAGE, completion, delta, send, status, stream_head},
    rig::{RESERVE_WHOLE, Recorder, Rig, STREAM, WHOLE, facts, model},
};
use crate::{CallError, limits::Admission, open_call::OpenCall};

fn open(ledger: &Arc<Recorder>) -> OpenCall {
    OpenCall::new(
        Arc::clone(ledger) as Arc<dyn crate::Ledger>,
        facts(1_011),
        Vec::new(),
        100,
        1,
        Admission::unlimited(),
    )
}

fn attempt() -> Attempt {
    Attempt {
        attempt: 1,
        channel_id: ChannelId(Uuid::nil()),
        key_id: ChannelKeyId(Uuid::nil()),
        upstream_model: model("up"),
        outcome: AttemptOutcome::Unknown,
    }
}

#[test]
fn a_call_that_is_forgotten_before_it_was_sent_is_void() {
    let ledger = Arc::new(Recorder::default());
    drop(open(&ledger));
    assert_eq!(*ledger.records.lock(), ["void"]);
}

#[tokio::test]
async fn a_call_that_is_forgotten_in_flight_may_have_been_billed() {
    let ledger = Arc::new(Recorder::default());
    let mut call = open(&ledger);
    call.sent(attempt()).await.unwrap();
    drop(call);
    assert_eq!(*ledger.records.lock(), ["sent 1 up", "ended 1 Unknown", "settle 0+0 for 0 [Unanswered]"]);
}

#[test]
fn only_a_call_that_costs_in_parts_what_it_costs_as_a_whole_is_split() {
    let rates = || Rates { input: Some(1_000), output: Some(10_000), ..Rates::default() };
    let tier = Tier { above_input_tokens: 100, rates: rates() };
    for (price, splits) in [
        (Price { rates: rates(), ..Price::default() }, true),
        (Price { rates: rates(), per_call: Some(5_000), ..Price::default() }, false),
        (Price { rates: Rates { request: Some(5_000), ..rates() }, ..Price::default() }, false),
        (Price { rates: rates(), tiers: vec![tier], ..Price::default() }, false),
    ] {
        let mut facts = facts(1_011);
        facts.pinned.price = price.into();
        let ledger = Arc::new(Recorder::default());
        let call = OpenCall::new(
            Arc::clone(&ledger) as Arc<dyn crate::Ledger>,
            facts,
            Vec::new(),
            100,
            1,
            Admission::unlimited(),
        );
        assert_eq!(call.may_be_split(), splits);
    }
}

#[tokio::test]
async fn an_end_that_was_not_recorded_is_not_voided() {
    let ledger = Arc::new(Recorder::default());
    let mut call = open(&ledger);
    call.sent(attempt()).await.unwrap();
    *ledger.refused.lock() = Some("ended");
    call.attempt_ended(AttemptOutcome::Unbilled);
    call.unanswered();
    assert_eq!(*ledger.records.lock(), ["sent 1 up", "settle 0+0 for 0 [Unanswered]"]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_sent() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    *rig.ledger.refused.lock() = Some("sent");
    assert!(matches!(rig.chat(WHOLE).await.unwrap_err(), CallError::Unavailable));
    assert!(rig.provider.requests.lock().is_empty());
    assert_eq!(rig.records().await, [RESERVE_WHOLE, "void"]);
}

#[tokio::test]
async fn what_does_not_become_durable_is_not_sent_and_costs_nothing() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    *rig.ledger.lost.lock() = true;
    assert!(matches!(rig.chat(WHOLE).await.unwrap_err(), CallError::Unavailable));
    assert!(rig.provider.requests.lock().is_empty());
    assert_eq!(rig.records().await, [RESERVE_WHOLE, "sent 1 up", "ended 1 Unbilled", "void"]);
}

#[test]
fn a_runtime_that_ends_under_a_stream_leaves_no_call_open() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let never = Arc::new(tokio::sync::Notify::new());
    let (ledger, answer) = runtime.block_on(async {
        let rig = Rig::new(vec![vec![stream_head(), send(&delta("abcd")), Act::Await(never)]]).await;
        (Arc::clone(&rig.ledger), rig.chat(STREAM).await.unwrap())
    });
    drop(runtime);
    drop(answer);
    assert!(ledger.records.lock().last().unwrap().starts_with("settle 11+2 for 31"));
}
