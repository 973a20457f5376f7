use std::sync::Arc;
use tokio::sync::Notify;

use super::{
    provider::{Act, USAGE, completion, status},
    rig::{RESERVE_WHOLE, Rig, WHOLE, leave, route, text},
};
use crate::{RelayConfig, Retry};

#[tokio::test]
async fn an_answer_passes_through_byte_for_byte_and_is_charged_by_its_usage() {
    let body = completion("hi", USAGE);
    let rig = Rig::new(vec![vec![status(200, "", &body)]]).await;
    let answer = rig.chat(WHOLE).await.unwrap();
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(text(answer).await, body);
    assert_eq!(rig.records().await, [RESERVE_WHOLE, "sent 1 up", "ended 1 Billed", "settle 10+5 for 60 []"]);
}

#[tokio::test]
async fn a_provider_gets_its_own_model_name_our_key_and_nothing_else_of_ours() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    rig.text(WHOLE).await;
    let request = rig.provider.requests.lock()[0].clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer sk-secret"), "{head}");
    assert!(head.contains("user-agent: veloera/"), "{head}");
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    expected["model"] = "up".into();
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn usage_that_is_missing_is_counted_and_what_is_stated_is_taken_at_its_word() {
    for (usage, settled) in [
        ("", "settle 11+2 for 31 [Counted]"),
        (",\"usage\":null", "settle 11+2 for 31 [Counted]"),
        (",\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}", "settle 0+0 for 0 []"),
        (",\"usage\":{\"prompt_tokens\":-9,\"completion_tokens\":-1}", "settle 0+0 for 0 []"),
        (",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5000}", "settle 9+5000 for 50009 []"),
    ] {
        let rig = Rig::new(vec![vec![status(200, "", &completion("abcd", usage))]]).await;
        rig.text(WHOLE).await;
        assert_eq!(rig.records().await.last().unwrap(), settled, "{usage}");
    }
}

#[tokio::test]
async fn what_is_no_completion_may_have_been_billed_and_another_answers() {
    let good = completion("hi", USAGE);
    for bad in ["{\"choices\":[", "", "[]", "{\"error\":{\"message\":\"x\"}}", "<html>"] {
        let rig = Rig::new(vec![vec![status(200, "", bad)], vec![status(200, "", &good)]]).await;
        assert_eq!(rig.text(WHOLE).await, good, "{bad}");
        let records = rig.records().await;
        assert_eq!(records[2..4], ["ended 1 Unknown", "sent 2 up"], "{bad}");
        assert_eq!(records.last().unwrap(), "settle 10+5 for 60 []", "{bad}");
    }
}

#[tokio::test]
async fn a_long_answer_passes_and_one_beyond_the_bound_does_not() {
    let long = completion(&"a".repeat(10 << 20), USAGE);
    let rig = Rig::new(vec![vec![status(200, "", &long)]]).await;
    assert_eq!(rig.text(WHOLE).await.len(), long.len());
    let config = RelayConfig { answer_bytes_max: 1_000, ..RelayConfig::default() };
    let rig = Rig::over(vec![vec![status(200, "", &long)]], config, |provider| {
        vec![route("openai_compatible", Some(format!("http://{}", provider.address)), 0)]
    })
    .await;
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.retry()), (502, Retry::Unsaid));
    assert_eq!(rig.records().await.last().unwrap(), "settle 0+0 for 0 [Unanswered]");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_pays_for_it() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = vec![
        Act::Tell(Arc::clone(&asked)),
        Act::Await(Arc::clone(&go)),
        status(200, "", &completion("hi", USAGE)),
    ];
    let rig = Rig::new(vec![script]).await;
    leave(rig.chat(WHOLE), &asked).await;
    go.notify_one();
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+5 for 60 [ClientLeft]");
}

#[tokio::test]
async fn an_answer_that_stalls_is_given_up() {
    let never = Arc::new(Notify::new());
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    let script = vec![Act::Send(head.into()), Act::Await(never)];
    let config = RelayConfig { idle_timeout_ms: 20, ..RelayConfig::default() };
    let rig = Rig::over(vec![script], config, |provider| {
        vec![route("openai_compatible", Some(format!("http://{}", provider.address)), 0)]
    })
    .await;
    assert_eq!(rig.chat(WHOLE).await.unwrap_err().status(), 504);
    assert_eq!(rig.records().await.last().unwrap(), "settle 0+0 for 0 [Unanswered]");
}

#[tokio::test]
async fn the_echo_provider_answers_without_any_network() {
    let rig = Rig::over(Vec::new(), RelayConfig::default(), |_| vec![route("echo", None, 0)]).await;
    let answer: serde_json::Value = serde_json::from_str(&rig.text(WHOLE).await).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "echo: hello you");
    assert_eq!(answer["model"], "up");
    assert_eq!(rig.records().await.last().unwrap(), "settle 3+4 for 43 []");
}
