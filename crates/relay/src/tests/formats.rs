use std::num::NonZeroU32;

use bytes::Bytes;
use domain::CallLimits;

use super::{
    provider::{USAGE, completion, send, status, stream_head},
    rig::{CALL, Rig, WHOLE, route, text},
};
use crate::{CallError, CallerLimits, Format, Incoming, RelayConfig, Retry};

const EMBEDDING: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-1e-3]}],
    "model":"up","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
const EMBED: &str = r#"{"model":"m","input":["hello","you"],"encoding_format":"float"}"#;

#[tokio::test]
async fn embeddings_pass_and_cost_their_input_alone() {
    let rig = Rig::new(vec![vec![status(200, "", EMBEDDING)]]).await;
    assert_eq!(text(rig.call(Format::OpenaiEmbeddings, EMBED).await.unwrap()).await, EMBEDDING);
    assert!(rig.provider.requests.lock()[0].starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
    let records = rig.records().await;
    assert_eq!(records[0], "reserve 3 Whole input 3", "no output is set aside");
    assert_eq!(records[3], "settle 8+0 for 8 []");
}

#[tokio::test]
async fn embeddings_without_usage_are_charged_by_a_count_of_their_input() {
    let untold = EMBEDDING.replace("usage", "other");
    let rig = Rig::new(vec![vec![status(200, "", &untold)]]).await;
    rig.call(Format::OpenaiEmbeddings, r#"{"model":"m","input":[[1,2],[3]]}"#).await.unwrap();
    assert_eq!(rig.records().await[3], "settle 3+0 for 3 [Counted]");
}

const COMPLETE: &str = r#"{"model":"m","prompt":["ab","cd"],"max_tokens":10,"n":2}"#;

#[tokio::test]
async fn completions_set_aside_every_answer_of_every_prompt() {
    let answer = r#"{"choices":[{"text":"hi","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":4}}"#;
    let rig = Rig::new(vec![vec![status(200, "", answer)]]).await;
    assert_eq!(text(rig.call(Format::OpenaiCompletions, COMPLETE).await.unwrap()).await, answer);
    let records = rig.records().await;
    assert_eq!(
        (records[0].as_str(), records[3].as_str()),
        ("reserve 402 Whole input 2", "settle 2+4 for 42 []")
    );
}

#[tokio::test]
async fn completions_stream() {
    let frames = "data: {\"choices\":[{\"text\":\"abcdef\",\"index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let rig = Rig::new(vec![vec![stream_head(), send(frames)]]).await;
    let body = r#"{"model":"m","prompt":"abc","max_tokens":9,"stream":true}"#;
    assert_eq!(text(rig.call(Format::OpenaiCompletions, body).await.unwrap()).await, frames);
    assert!(rig.provider.requests.lock()[0].contains(r#""stream_options":{"include_usage":true}"#));
    assert_eq!(rig.records().await.last().unwrap(), "settle 1+2 for 21 [Counted]");
}

#[tokio::test]
async fn an_answer_of_another_format_is_none() {
    let rig =
        Rig::new(vec![vec![status(200, "", r#"{"choices":[]}"#)], vec![status(200, "", EMBEDDING)]]).await;
    rig.call(Format::OpenaiEmbeddings, EMBED).await.unwrap();
    assert_eq!(rig.records().await[2], "ended 1 Unknown");
}

#[tokio::test]
async fn a_path_that_no_channel_of_the_model_serves_is_named() {
    let rig = Rig::over(Vec::new(), RelayConfig::default(), |_| vec![route("groq", None, 0)]).await;
    let error = rig.call(Format::OpenaiEmbeddings, EMBED).await.unwrap_err();
    assert!(matches!(error, CallError::NotServedAs(_)), "{error}");
    assert_eq!((error.status().as_u16(), error.param()), (404, Some("model")));
}

#[tokio::test]
async fn a_limited_caller_is_told_what_is_left_and_pays_nothing_for_what_is_refused() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    let mut caller = Rig::caller();
    let token = CallLimits {
        requests_per_minute: NonZeroU32::new(1),
        tokens_per_minute: NonZeroU32::new(1_000),
        ..CallLimits::NONE
    };
    caller.limits = CallerLimits { token, user: CallLimits::NONE };
    let body = Bytes::from_static(WHOLE.as_bytes());
    let call = || rig.relay.call(Format::OpenaiChat, CALL, caller.clone(), body.clone(), Incoming::default());
    let answer = call().await.unwrap();
    assert_eq!(answer.headers["x-ratelimit-remaining-requests"], "0");
    assert_eq!(
        answer.headers["x-ratelimit-remaining-tokens"], "889",
        "eleven in and a hundred out are expected"
    );
    let error = call().await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.code().code()), (429, "rate_limit_exceeded"));
    assert!(matches!(error.retry(), Retry::After(_)));
    assert_eq!(error.rates().unwrap().tokens.unwrap().remaining, 985, "fifteen were used");
    assert_eq!(rig.records().await.len(), 4);
}
