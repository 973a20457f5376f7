use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::fixture::{Answered, Condition, MODEL, Node, node, node_with, patient};
use crate::EdgeLimits;

fn hello(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]})
}

async fn chat(node: &Node, key: &str) -> Answered {
    node.ask("POST", "/v1/chat/completions").bearer(key).json(hello(false)).await_answer().await
}

/// A token with its key and its path.
async fn token(node: &Node, body: Value) -> (String, String) {
    let made = node.made("/api/v1/tokens", body).await;
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    (made["key"].as_str().unwrap().to_owned(), path)
}

#[tokio::test]
async fn a_new_key_is_admitted_at_once_and_answered_whole_and_as_a_stream() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    let whole = chat(&node, &key).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    assert!(whole.json()["choices"][0]["message"]["content"].as_str().unwrap().contains("Hello"));
    assert!(!whole.header("x-request-id").is_empty());
    let stream = node.ask("POST", "/v1/chat/completions").bearer(&key).json(hello(true)).await_answer().await;
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    assert!(String::from_utf8(stream.body).unwrap().trim_end().ends_with("data: [DONE]"));
}

#[tokio::test]
async fn what_is_no_key_here_is_refused_in_the_clients_own_format() {
    let node = node().await;
    let keys: [&[u8]; 7] = [
        b"",
        b"Bearer ",
        b"Bearer sk-nobody",
        b"Bearer sk- a b",
        b"sk-nobody",
        b"Bearer \xff\xfe",
        b"Basic c2stMQ==",
    ];
    for value in keys {
        let ask = node.ask("POST", "/v1/chat/completions").header("authorization", value);
        let answered = ask.json(hello(false)).await_answer().await;
        assert_eq!(
            (answered.status.as_u16(), answered.code().as_str()),
            (401, "invalid_api_key"),
            "{value:?}"
        );
        let error = answered.json()["error"].clone();
        assert!(
            error["message"].is_string() && error["type"].is_string() && error["param"].is_null(),
            "{error}"
        );
        assert!(!answered.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_key_is_read_from_wherever_clients_put_it() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    for name in ["x-api-key", "api-key", "x-goog-api-key"] {
        let answered = node.ask("GET", "/v1/models").header(name, &key).await_answer().await;
        assert_eq!(answered.status, 200, "{name}");
    }
    assert_eq!(node.ask("GET", &format!("/v1/models?key={key}")).await_answer().await.status, 200);
}

#[tokio::test]
async fn a_key_ends_with_its_token() {
    let node = node().await;
    node.channel().await;
    let (key, path) = token(&node, json!({"name": "t", "expires_at": "2100-01-01T00:00:00Z"})).await;
    assert_eq!(chat(&node, &key).await.status, 200);
    let patch = async |body: Value| {
        let answered = node.ask("PATCH", &path).by(&node.root).json(body).await_answer().await;
        assert_eq!(answered.status, 200);
    };
    patch(json!({"status": "disabled"})).await;
    assert_eq!(chat(&node, &key).await.code(), "invalid_api_key");
    patch(json!({"status": "enabled", "expires_at": "2026-01-01T00:00:00Z"})).await;
    assert_eq!(chat(&node, &key).await.code(), "invalid_api_key");
    patch(json!({"expires_at": null})).await;
    assert_eq!(chat(&node, &key).await.status, 200);
    let rotated = node.ask("POST", &format!("{path}/rotate")).by(&node.root).await_answer().await.json();
    assert_eq!(chat(&node, &key).await.code(), "invalid_api_key");
    let key = rotated["key"].as_str().unwrap();
    assert_eq!(chat(&node, key).await.status, 200);
    node.ask("DELETE", &path).by(&node.root).await_answer().await;
    assert_eq!(chat(&node, key).await.code(), "invalid_api_key");
}

#[tokio::test]
async fn a_bound_key_is_admitted_from_its_network_only() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t", "allowed_ips": ["10.0.0.0/8"]})).await;
    let from = async |address| node.ask("GET", "/v1/models").bearer(&key).from(address).await_answer().await;
    assert_eq!(from([10, 9, 9, 9]).await.status, 200);
    let answered = from([192, 0, 2, 1]).await;
    assert_eq!(answered.status, 403);
}

#[tokio::test]
async fn models_are_those_that_the_key_may_ask_for() {
    let node = node().await;
    node.channel().await;
    let (all, _) = token(&node, json!({"name": "t"})).await;
    let (one, _) = token(&node, json!({"name": "t", "models": [MODEL]})).await;
    let listed = async |key: &str| {
        let answered = node.ask("GET", "/v1/models").bearer(key).await_answer().await.json();
        assert_eq!(answered["object"], "list");
        let models = answered["data"].as_array().unwrap().clone();
        models.into_iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&one).await, [MODEL]);
    assert!(listed(&all).await.contains(&MODEL.to_owned()));
    let read = async |key: &str, id: &str| {
        node.ask("GET", &format!("/v1/models/{id}")).bearer(key).await_answer().await
    };
    assert_eq!(read(&one, MODEL).await.json()["id"], MODEL);
    assert_eq!(read(&one, "some/slashed-model").await.code(), "model_not_found");
    for id in ["nothing", "%ff", "%ff/a"] {
        let nothing = read(&all, id).await;
        assert_eq!((nothing.status.as_u16(), nothing.code().as_str()), (404, "model_not_found"), "{id}");
    }
    assert_eq!(read("sk-nobody", "%ff").await.status, 401);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_clients_own_format() {
    let limits = EdgeLimits { relay_body_bytes_max: 64, ..patient() };
    let node = node_with(Condition::Ready, limits).await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    for (method, path, body, status, code) in [
        ("POST", "/v1/nothing", "{}", 404, "not_found"),
        ("GET", "/v1", "", 404, "not_found"),
        ("GET", "/v1/chat/completions", "", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", &" ".repeat(65), 413, "body_too_large"),
        ("POST", "/v1/chat/completions", "{", 400, "invalid_json"),
    ] {
        let answered = node.ask(method, path).bearer(&key).text(body).await_answer().await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (status, code), "{method} {path}");
        assert!(answered.json()["error"]["message"].is_string());
        assert!(!answered.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_is_not_waited_for_without_end() {
    let node = node_with(Condition::Ready, EdgeLimits { body_wait_ms_max: 1, ..patient() }).await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    let answered = node.ask("POST", "/v1/chat/completions").bearer(&key).endless().await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (408, "request_timeout"));
}

#[tokio::test]
async fn what_the_relay_refuses_is_said_in_its_words() {
    let node = node().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    let answered = chat(&node, &key).await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (404, "model_not_found"));
}

#[tokio::test]
async fn whose_user_is_disabled_calls_nothing() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    node.disable(&node.root).await;
    let answered = chat(&node, &key).await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (403, "forbidden"));
    assert_eq!(node.ask("GET", "/api/v1/me").by(&node.root).await_answer().await.status, 401);
}

#[tokio::test]
async fn a_tokens_limits_hold_are_told_in_headers_and_can_be_lifted() {
    let node = node().await;
    node.channel().await;
    let limits = json!({"requests_per_minute": 1, "tokens_per_minute": 100_000});
    let (key, path) = token(&node, json!({"name": "t", "limits": limits})).await;
    let first = chat(&node, &key).await;
    assert_eq!((first.status.as_u16(), first.header("x-ratelimit-remaining-requests")), (200, "0"));
    let second = chat(&node, &key).await;
    assert_eq!((second.status.as_u16(), second.code().as_str()), (429, "rate_limit_exceeded"));
    let pause: u64 = second.header("retry-after").parse().unwrap();
    assert!((60..=65).contains(&pause), "{pause}");
    assert_eq!(second.header("x-ratelimit-limit-requests"), "1");
    node.clock.advance_minutes(2);
    assert_eq!(chat(&node, &key).await.status, 200);
    let lifted = node.ask("PATCH", &path).by(&node.root).json(json!({"limits": null})).await_answer().await;
    assert_eq!(lifted.json()["limits"], Value::Null);
    let free = chat(&node, &key).await;
    assert_eq!((free.status.as_u16(), free.header("x-ratelimit-limit-requests")), (200, ""));
    let none = json!({"name": "t", "limits": {"requests_per_minute": 0}});
    let refused = node.ask("POST", "/api/v1/tokens").by(&node.root).json(none).await_answer().await;
    assert!(refused.status.is_client_error(), "{refused:?}");
}

#[tokio::test]
async fn a_model_that_is_only_chatted_with_is_not_embedded() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    for (path, body) in [
        ("/v1/embeddings", json!({"model": MODEL, "input": "Hello"})),
        ("/v1/completions", json!({"model": MODEL, "prompt": "Hello"})),
    ] {
        let answered = node.ask("POST", path).bearer(&key).json(body).await_answer().await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (404, "model_not_found"), "{path}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_by_a_node_that_would_not_know_who_was_revoked() {
    let node = node().await;
    node.channel().await;
    let (key, _) = token(&node, json!({"name": "t"})).await;
    assert_eq!(chat(&node, &key).await.status, 200);
    node.heard.store(false, Ordering::SeqCst);
    let refused = chat(&node, &key).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "service_unavailable"));
    assert_eq!(refused.header("retry-after"), "5");
    // Whoever has no key is told no more than that either.
    assert_eq!(chat(&node, "sk-nobody").await.status, 503);
    node.heard.store(true, Ordering::SeqCst);
    assert_eq!(chat(&node, &key).await.status, 200);
}
