//! Streams that outgrow what was set aside for them, and streams that outlive their lease.

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use domain::Nanos;
use futures_util::poll;
use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::{
    provider::{Act, DONE, FINISH, delta, send, stream_head},
    rig::{CALL, RESERVE_STREAM, Rig, STREAM, text},
};
use crate::{Answer, Format, Incoming, ReserveError, Tenure};

/// What is asked for: what 256 tokens cost, beyond the ten that were used without cover.
const EXTEND: &str = "extend 2660 at least 2660";

/// Text of so many bytes, in one frame.
fn prose(bytes: usize) -> String {
    delta(&"a".repeat(bytes))
}

/// Text of so many bytes, three to a frame.
fn words(bytes: usize) -> String {
    delta("abc").repeat(bytes / 3)
}

fn usage(output_tokens: u64) -> String {
    format!(
        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":{output_tokens}}}}}\n\n"
    )
}

fn end(output_tokens: u64) -> Act {
    send(&[FINISH, &usage(output_tokens), DONE].concat())
}

/// A stream that says `first`, waits, and says `then`.
fn halting(first: &str, then: Act) -> (Vec<Act>, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    (vec![stream_head(), send(first), Act::Await(Arc::clone(&go)), then], go)
}

/// Reads on until the ledger was told something that begins with `what`.
async fn until_told(rig: &Rig, answer: &mut Answer, what: &str) -> String {
    let mut got = String::new();
    while !rig.ledger.records.lock().iter().any(|record| record.starts_with(what)) {
        if let std::task::Poll::Ready(Some(frame)) = poll!(answer.body.frame()) {
            got += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
        tokio::task::yield_now().await;
    }
    got
}

fn nothing_more(rig: &Rig) {
    *rig.ledger.room.lock() = Some(Nanos::ZERO);
}

#[tokio::test]
async fn a_stream_that_may_have_outgrown_what_was_set_aside_is_extended_and_goes_on() {
    let (script, go) = halting(&prose(330), end(110));
    let rig = Rig::new(vec![script]).await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    until_told(&rig, &mut answer, "extend").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    assert_eq!(
        rig.records().await.iter().filter(|record| !record.starts_with("progress")).collect::<Vec<_>>(),
        [RESERVE_STREAM, "sent 1 up", EXTEND, "ended 1 Billed", "settle 10+110 for 1110 []"]
    );
}

#[tokio::test]
async fn a_stream_that_may_keep_to_its_limit_is_not_cut_for_want_of_more() {
    // 330 bytes may be a hundred tokens, which is what was set aside.
    for (then, settled) in [
        (end(98), "settle 10+98 for 990 []"),
        (send(&[FINISH, DONE].concat()), "settle 11+100 for 1011 [Counted]"),
    ] {
        let (script, go) = halting(&prose(330), then);
        let rig = Rig::new(vec![script]).await;
        let answer = rig.chat(STREAM).await.unwrap();
        nothing_more(&rig);
        go.notify_one();
        assert!(text(answer).await.ends_with(DONE));
        assert_eq!(rig.records().await.last().unwrap(), settled);
    }
}

#[tokio::test]
async fn a_stream_that_has_surely_outgrown_what_was_set_aside_is_cut_within_one_chunk() {
    let go = Arc::new(Notify::new());
    let mut script = vec![stream_head()];
    for _ in 0..40 {
        // Ten tokens at the least, which cost a hundred.
        script.extend([send(&prose(60)), Act::Await(Arc::clone(&go))]);
    }
    let rig = Rig::new(vec![script]).await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    nothing_more(&rig);
    let (mut got, mut chunks) = (String::new(), 0);
    while let Some(frame) = answer.body.frame().await {
        got += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        chunks += 1;
        go.notify_one();
    }
    assert!(got.contains("\"insufficient_quota\"") && !got.contains("[DONE]"), "{got}");
    assert_eq!(chunks, 12, "eleven chunks, and the error");
    drop(answer);
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+110 for 1111 [Cut, Counted]");
}

#[tokio::test]
async fn usage_that_is_stated_on_the_way_is_held_against_what_was_set_aside() {
    for (stated, settled) in [(100, "settle 10+120 for 1210 []"), (101, "settle 10+101 for 1020 [Cut]")] {
        let (script, go) = halting(&[&delta("abc"), &*usage(stated)].concat(), end(120));
        let rig = Rig::new(vec![script]).await;
        let answer = rig.chat(STREAM).await.unwrap();
        nothing_more(&rig);
        go.notify_one();
        let got = text(answer).await;
        assert_eq!(got.ends_with(DONE), stated == 100, "{got}");
        assert_eq!(rig.records().await.last().unwrap(), settled);
    }
}

#[tokio::test]
async fn what_more_is_asked_for_holds_no_stream_up_before_it_cannot_do_without() {
    let (gate, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = vec![
        stream_head(),
        send(&prose(330)),
        Act::Await(Arc::clone(&go)),
        send(&prose(300)),
        Act::Await(Arc::clone(&go)),
        end(150),
    ];
    let rig = Rig::new(vec![script]).await;
    *rig.ledger.gate.lock() = Some(Arc::clone(&gate));
    let mut answer = rig.chat(STREAM).await.unwrap();
    let mut read = async |bytes: usize| {
        let mut got = 0;
        while got < prose(bytes).len() {
            got += answer.body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
    };
    // It may have outgrown its hundred tokens, and is asking: what comes is passed on all the same.
    read(330).await;
    go.notify_one();
    read(300).await;
    // 630 bytes are more than a hundred tokens: now it waits, though its end is there to be read.
    go.notify_one();
    for _ in 0..50 {
        assert!(poll!(answer.body.frame()).is_pending());
        tokio::task::yield_now().await;
    }
    assert!(!rig.ledger.records.lock().iter().any(|record| record.starts_with("extend")));
    gate.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+150 for 1510 []");
}

#[tokio::test]
async fn an_answer_that_comes_after_the_end_changes_nothing() {
    let gate = Arc::new(Notify::new());
    let (script, go) = halting(&prose(330), end(110));
    let rig = Rig::new(vec![script]).await;
    *rig.ledger.gate.lock() = Some(Arc::clone(&gate));
    let answer = rig.chat(STREAM).await.unwrap();
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    gate.notify_one();
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+110 for 1110 []");
}

/// Everything told but the progress.
async fn told(rig: &Rig) -> Vec<String> {
    let mut records = rig.records().await;
    records.retain(|record| !record.contains("progress"));
    records
}

/// A stream that is told after 64 frames that it has outlived its lease.
async fn outliving(then: Act) -> (Rig, Answer, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        send(&words(3)),
        Act::Await(Arc::clone(&go)),
        send(&words(189)),
        Act::Await(Arc::clone(&go)),
        then,
    ];
    let rig = Rig::new(vec![script]).await;
    *rig.ledger.tenure.lock() = Tenure::Outlived;
    let answer = rig.chat(STREAM).await.unwrap();
    go.notify_one();
    (rig, answer, go)
}

#[tokio::test]
async fn a_stream_that_outlives_its_lease_goes_on_in_another_part_and_costs_the_same() {
    let (rig, mut answer, go) = outliving(end(70)).await;
    until_told(&rig, &mut answer, "settle").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    assert_eq!(
        told(&rig).await,
        [
            RESERVE_STREAM,
            "sent 1 up",
            "part 1: reserve 3051 Stream input 11",
            "part 1: sent 1 up",
            "ended 1 Billed",
            // What is sure: two bytes of three may be less than half a token.
            "settle 0+16 for 160 [Counted]",
            "part 1: ended 1 Billed",
            "part 1: settle 10+54 for 550 []",
        ],
        "together 10+70, for 710"
    );
}

#[tokio::test]
async fn a_call_in_parts_is_counted_as_a_whole_against_its_callers_limits() {
    let go = Arc::new(Notify::new());
    let pause = || Act::Await(Arc::clone(&go));
    let script = vec![stream_head(), send(&words(3)), pause(), send(&words(189)), pause(), end(70)];
    let rig = Rig::new(vec![script]).await;
    *rig.ledger.tenure.lock() = Tenure::Outlived;
    let mut caller = Rig::caller();
    caller.limits.token.tokens_per_minute = NonZeroU32::new(150);
    let body = Bytes::from_static(STREAM.as_bytes());
    let call = || rig.relay.call(Format::OpenaiChat, CALL, caller.clone(), body.clone(), Incoming::default());
    let mut answer = call().await.unwrap();
    go.notify_one();
    until_told(&rig, &mut answer, "settle").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    let error = call().await.unwrap_err();
    assert_eq!(error.rates().unwrap().tokens.unwrap().remaining, 150 - 80);
}

#[tokio::test]
async fn what_a_provider_states_on_the_way_is_settled_in_the_part_in_which_it_was_used() {
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        send(&words(3)),
        Act::Await(Arc::clone(&go)),
        send(&[&*words(147), &*usage(50), &*words(42)].concat()),
        Act::Await(Arc::clone(&go)),
        send(&words(300)),
        Act::Await(Arc::clone(&go)),
        end(180),
    ];
    let rig = Rig::new(vec![script]).await;
    *rig.ledger.tenure.lock() = Tenure::Outlived;
    let mut answer = rig.chat(STREAM).await.unwrap();
    go.notify_one();
    until_told(&rig, &mut answer, "settle").await;
    go.notify_one();
    until_told(&rig, &mut answer, "part 1: settle").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    let settled: Vec<_> =
        rig.records().await.into_iter().filter(|record| record.contains("settle")).collect();
    assert_eq!(
        settled,
        ["settle 10+50 for 510 []", "part 1: settle 0+0 for 0 []", "part 2: settle 0+130 for 1300 []"]
    );
}

#[tokio::test]
async fn a_stream_that_outgrows_a_window_that_is_over_goes_on_in_another_part() {
    let (script, go) = halting(&prose(330), end(110));
    let rig = Rig::new(vec![script]).await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    *rig.ledger.refusal.lock() = Some(ReserveError::WindowOver);
    until_told(&rig, &mut answer, "settle").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    let told = told(&rig).await;
    assert!(told[2].starts_with("part 1: reserve"), "{told:?}");
    assert!(told.last().unwrap().starts_with("part 1: settle"), "{told:?}");
}

#[tokio::test]
async fn where_no_other_part_can_be_had_a_stream_goes_on_with_what_it_holds() {
    let (rig, mut answer, go) = outliving(end(70)).await;
    nothing_more(&rig);
    until_told(&rig, &mut answer, "progress").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    assert_eq!(told(&rig).await[1..], ["sent 1 up", "ended 1 Billed", "settle 10+70 for 710 []"]);
}

#[tokio::test]
async fn a_part_that_comes_after_the_end_is_void() {
    let gate = Arc::new(Notify::new());
    let (rig, mut answer, go) = outliving(end(70)).await;
    *rig.ledger.gate.lock() = Some(Arc::clone(&gate));
    until_told(&rig, &mut answer, "progress").await;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    gate.notify_one();
    let expected = ["settle 10+70 for 710 []", "part 1: reserve 3051 Stream input 11", "part 1: void"];
    assert_eq!(told(&rig).await[3..], expected);
}

#[tokio::test]
async fn a_part_that_cannot_be_written_down_is_not_begun() {
    let (rig, mut answer, go) = outliving(end(70)).await;
    *rig.ledger.refused.lock() = Some("sent");
    until_told(&rig, &mut answer, "part 1: void").await;
    *rig.ledger.tenure.lock() = Tenure::Good;
    go.notify_one();
    assert!(text(answer).await.ends_with(DONE));
    assert_eq!(told(&rig).await.last().unwrap(), "settle 10+70 for 710 []");
}

#[tokio::test]
async fn a_client_that_leaves_a_provider_that_stalls_pays_what_came_when_the_time_is_out() {
    let config = crate::RelayConfig { total_timeout_ms: 300, ..crate::RelayConfig::default() };
    let (script, _go) = halting(&prose(30), end(70));
    let rig = Rig::over(vec![script], config, |server| {
        vec![super::rig::route("openai_compatible", Some(format!("http://{}", server.address)), 0)]
    })
    .await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+10 for 111 [Cut, ClientLeft, Counted]");
}
