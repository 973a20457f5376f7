//! What a token may ask for, over HTTP.

mod whose;

use http::Method;
use serde_json::{Value, json};
use tests::{
    ApiClient, Received, Reply, World,
    admin::text,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::{Answer, Break},
    wait,
};

fn answer(request: &Received) -> Reply {
    let answer = Answer::words(3, 20, 3);
    match request.text().as_str() {
        "stall" => Reply::Answer(answer.breaking(Break::StallAfter(2))),
        _ => Reply::Answer(answer),
    }
}

async fn limited(world: &World, limits: Value) -> ApiClient {
    let made = world.admin().create("/tokens", json!({ "name": "limited", "limits": limits })).await;
    world.client(&text(&made["key"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_asks_too_often_is_told_when_to_come_back_and_pays_for_what_was_answered() {
    let world = World::start(answer).await;
    let client = limited(&world, json!({ "requests_per_minute": 3 })).await;
    for left in ["2", "1", "0"] {
        let answer = client.chat(&chat(MODEL, "Hello")).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-ratelimit-remaining-requests")),
            (200, Some(left))
        );
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"));
    }
    let answer = client.chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=65).contains(&seconds), "{seconds}");
    assert!(answer.header("x-ratelimit-reset-requests").is_some(), "{answer:?}");
    assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200, "another token goes on");
    world.charges(4).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_by_what_a_call_took() {
    let world = World::start(answer).await;
    let client = limited(&world, json!({ "tokens_per_minute": 150 })).await;
    // About 110 are expected of each; 23 are used.
    for left in ["127", "104"] {
        assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
        let free =
            json!({ "model": MODEL, "messages": [{ "role": "user", "content": "" }], "max_tokens": 150 });
        let answer = client.chat(&free).await.unwrap();
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some(left));
        assert_eq!(answer.header("x-should-retry"), Some("false"), "it never fits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_are_limited_and_an_end_makes_room() {
    let world = World::start(answer).await;
    let client = limited(&world, json!({ "concurrent_calls": 2 })).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = client.open(&streamed_chat(MODEL, "stall")).await.unwrap();
        stream.next().await.unwrap();
        open.push(stream);
    }
    let refused = client.chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("1")));
    // The stalling streams are read on after their clients have left; a revoked token does not end them either.
    drop(open);
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_changed_and_lifted_while_the_token_is_used() {
    let world = World::start(answer).await;
    let admin = world.admin();
    let made = admin.create("/tokens", json!({ "name": "t", "limits": { "requests_per_minute": 1 } })).await;
    let (client, path) = (world.client(&text(&made["key"])), format!("/tokens/{}", text(&made["id"])));
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 429);
    let lifted =
        admin.must(Method::PATCH, &path, Some(&json!({ "limits": null })), http::StatusCode::OK).await;
    assert_eq!(lifted["limits"], Value::Null);
    wait::until("the change", tests::world::SEEN_MAX, async || {
        (client.chat(&chat(MODEL, "Hello")).await.unwrap().status == 200).then_some(())
    })
    .await;
}
