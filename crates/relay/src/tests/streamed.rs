use std::sync::Arc;

use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::{
    provider::{Act, DONE, FINISH, STREAM_USAGE, delta, good_stream, send, stream_head},
    rig::{RESERVE_STREAM, Rig, STREAM, leave, route, text},
};
use crate::RelayConfig;

/// One channel of `provider`, and little patience.
async fn lone(provider: &str, script: Vec<Act>) -> Rig {
    let config = RelayConfig { idle_timeout_ms: 50, ..RelayConfig::default() };
    Rig::over(vec![script], config, |server| {
        vec![route(provider, Some(format!("http://{}", server.address)), 0)]
    })
    .await
}

#[tokio::test]
async fn a_stream_passes_through_without_the_usage_that_only_we_asked_for() {
    let rig = Rig::new(vec![good_stream()]).await;
    let answer = rig.chat(STREAM).await.unwrap();
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert_eq!(text(answer).await, [&delta("hel"), &delta("lo"), FINISH, DONE].concat());
    assert!(rig.provider.requests.lock()[0].contains(r#""stream_options":{"include_usage":true}"#));
    assert_eq!(rig.records().await, [RESERVE_STREAM, "sent 1 up", "ended 1 Billed", "settle 10+5 for 60 []"]);
}

#[tokio::test]
async fn a_client_that_asks_for_usage_gets_it() {
    let rig = Rig::new(vec![good_stream()]).await;
    let asking =
        STREAM.replace("\"stream\":true", r#""stream":true,"stream_options":{"include_usage":true}"#);
    assert!(rig.text(&asking).await.contains(STREAM_USAGE));
}

#[tokio::test]
async fn usage_stated_twice_counts_once_and_usage_never_stated_is_counted() {
    let twice = vec![stream_head(), send(&[&delta("abcd"), STREAM_USAGE, STREAM_USAGE, DONE].concat())];
    let rig = Rig::new(vec![twice]).await;
    rig.text(STREAM).await;
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+5 for 60 []");
    let never = vec![stream_head(), send(&[&delta("abcd"), FINISH].concat())];
    let rig = Rig::new(vec![never]).await;
    rig.text(STREAM).await;
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+2 for 31 [Counted]");
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_with_an_error_and_is_charged_for_what_came() {
    let broken = "data: {\"choices\":";
    let says_so = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    for rest in ["", broken, "data: nonsense\n\n", says_so] {
        let go = Arc::new(Notify::new());
        let script = vec![stream_head(), send(&delta("abcd")), Act::Await(Arc::clone(&go)), send(rest)];
        let rig = Rig::new(vec![script]).await;
        let answer = rig.chat(STREAM).await.unwrap();
        go.notify_one();
        let got = text(answer).await;
        assert!(got.starts_with(&delta("abcd")), "{rest}: {got}");
        assert!(got.contains("\"error\"") && !got.contains("[DONE]"), "{rest}: {got}");
        assert_eq!(
            rig.records().await[1..],
            ["sent 1 up", "ended 1 Billed", "settle 11+2 for 31 [Cut, Counted]"],
            "{rest}"
        );
    }
}

#[tokio::test]
async fn what_came_after_the_usage_that_was_stated_last_is_counted_where_a_stream_is_cut() {
    let early = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}\n\n";
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        send(&[&delta("abc"), early].concat()),
        Act::Await(Arc::clone(&go)),
        send(&delta("abcdef")),
    ];
    let rig = Rig::new(vec![script]).await;
    let answer = rig.chat(STREAM).await.unwrap();
    go.notify_one();
    text(answer).await;
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+3 for 40 [Cut, Counted]");
}

#[tokio::test]
async fn a_stream_that_stalls_ends_with_an_error() {
    let script = vec![stream_head(), send(&delta("abcd")), Act::Await(Arc::new(Notify::new()))];
    let rig = lone("openai_compatible", script).await;
    let got = rig.text(STREAM).await;
    assert!(got.contains("\"error\"") && got.contains("in time"), "{got}");
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+2 for 31 [Cut, Counted]");
}

#[tokio::test]
async fn what_breaks_before_its_first_frame_is_answered_by_another() {
    let long = format!("data: {}", "a".repeat(10 << 20));
    let says_so = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    for bad in ["", ": ping\n\n", "data: nonsense\n\n", says_so, &long] {
        let rig = Rig::new(vec![vec![stream_head(), send(bad)], good_stream()]).await;
        let got = rig.text(STREAM).await;
        assert_eq!(got, [&delta("hel"), &delta("lo"), FINISH, DONE].concat());
        assert_eq!(
            rig.records().await[1..],
            ["sent 1 up", "ended 1 Unknown", "sent 2 up", "ended 2 Billed", "settle 10+5 for 60 []"]
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_the_provider_goes_on_to_state() {
    let go = Arc::new(Notify::new());
    let rest = send(&[&delta("more"), FINISH, STREAM_USAGE, DONE].concat());
    let script = vec![stream_head(), send(&delta("abcd")), Act::Await(Arc::clone(&go)), rest];
    let rig = Rig::new(vec![script]).await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    drop(answer);
    go.notify_one();
    assert_eq!(rig.records().await[1..], ["sent 1 up", "ended 1 Billed", "settle 10+5 for 60 [ClientLeft]"]);
}

#[tokio::test]
async fn where_hanging_up_ends_the_bill_a_client_that_leaves_pays_the_count() {
    let script = vec![stream_head(), send(&delta("abcd")), Act::Await(Arc::new(Notify::new()))];
    let rig = lone("hangs_up", script).await;
    let mut answer = rig.chat(STREAM).await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+2 for 31 [ClientLeft, Counted]");
}

#[tokio::test]
async fn a_client_that_is_gone_before_the_first_frame_pays_all_the_same() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut script = vec![Act::Tell(Arc::clone(&asked)), Act::Await(Arc::clone(&go))];
    script.extend(good_stream());
    let rig = Rig::new(vec![script]).await;
    leave(rig.chat(STREAM), &asked).await;
    go.notify_one();
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+5 for 60 [ClientLeft]");
}

#[tokio::test]
async fn a_long_stream_says_how_far_it_is() {
    let go = Arc::new(Notify::new());
    let (begin, end) =
        (send(&delta("abc").repeat(64)), send(&[&delta("abc"), FINISH, STREAM_USAGE, DONE].concat()));
    let script = vec![
        stream_head(),
        send(&delta("abc")),
        Act::Await(Arc::clone(&go)),
        begin,
        Act::Await(go.clone()),
        end,
    ];
    let rig = Rig::new(vec![script]).await;
    let mut body = rig.chat(STREAM).await.unwrap().body;
    body.frame().await.unwrap().unwrap();
    go.notify_one();
    let mut come = 0;
    while come < delta("abc").len() * 64 {
        come += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert_eq!(rig.ledger.records.lock().last().unwrap(), "progress 65");
    go.notify_one();
    body.collect().await.unwrap();
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+5 for 60 []");
}

#[tokio::test]
async fn the_end_is_settled_before_the_client_sees_it() {
    let rig = Rig::new(vec![good_stream()]).await;
    let mut body = rig.chat(STREAM).await.unwrap().body;
    while let Some(frame) = body.frame().await {
        let bytes = frame.unwrap().into_data().unwrap();
        if bytes.ends_with(DONE.as_bytes()) {
            assert_eq!(rig.ledger.records.lock().last().unwrap(), "settle 10+5 for 60 []");
            return;
        }
    }
    panic!("the stream had no end");
}

#[tokio::test]
async fn the_echo_provider_streams_in_frames() {
    let rig = Rig::over(Vec::new(), RelayConfig::default(), |_| vec![route("echo", None, 0)]).await;
    let got = rig.text(STREAM).await;
    assert!(got.contains("echo: hello you") && got.ends_with(DONE), "{got}");
    assert!(!got.contains("usage"), "{got}");
    assert_eq!(rig.records().await.last().unwrap(), "settle 3+4 for 43 []");
}

#[tokio::test]
async fn a_client_that_stays_but_reads_no_more_is_charged_in_the_end() {
    let script = vec![stream_head(), send(&delta("abcd")), Act::Await(Arc::new(Notify::new()))];
    let config = RelayConfig { total_timeout_ms: 500, ..RelayConfig::default() };
    let rig = Rig::over(vec![script], config, |server| {
        vec![route("openai_compatible", Some(format!("http://{}", server.address)), 0)]
    })
    .await;
    let answer = rig.chat(STREAM).await.unwrap();
    assert_eq!(rig.records().await.last().unwrap(), "settle 11+2 for 31 [Cut, Counted]");
    let got = text(answer).await;
    assert!(got.contains("\"error\"") && !got.contains("[DONE]"), "{got}");
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_stream() {
    let frames = [&delta("abcd"), FINISH, STREAM_USAGE, DONE].concat();
    let length = frames.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let stream = send(&format!("{head}{length:x}\r\n{frames}\r\n0\r\n\r\n"));
    let rig = Rig::new(vec![vec![stream.clone(), Act::Read, stream]]).await;
    for _ in 0..2 {
        assert!(rig.text(STREAM).await.ends_with(DONE));
        let records = std::mem::take(&mut *rig.ledger.records.lock());
        assert_eq!(records.last().unwrap(), "settle 10+5 for 60 []");
        assert_eq!(records.len(), 4, "one attempt is enough: {records:?}");
    }
}
