//! Following a log.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::fixture::{Node, node};

/// What is followed, message by message.
struct Tail(BodyDataStream);

impl Tail {
    async fn of(node: &Node, query: &str) -> Self {
        let ask = node.ask("GET", &format!("/api/v1/events/tail{query}")).by(&node.auditor);
        let response = ask.await_response().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body().into_data_stream())
    }

    /// The next message; `None` at the end. Minutes of waiting would be a failure.
    async fn next(&mut self) -> Option<(u64, Value)> {
        let wait = tokio::time::timeout(Duration::from_mins(5), self.0.next());
        let text = String::from_utf8(wait.await.unwrap()?.unwrap().to_vec()).unwrap();
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = serde_json::from_str(&line("data: ").unwrap()).unwrap();
        Some((line("id: ").unwrap().parse().unwrap(), data))
    }
}

#[tokio::test]
async fn what_happens_is_sent_in_its_order_and_can_be_gone_on_from() {
    let node = node().await;
    let mut tail = Tail::of(&node, "?type=channel_created").await;
    node.channel().await;
    node.made("/api/v1/tokens", json!({"name": "t"})).await;
    node.channel().await;
    let (first, event) = tail.next().await.unwrap();
    assert_eq!((&event["event_type"], &event["position"]), (&json!("channel_created"), &json!(first)));
    let (second, _) = tail.next().await.unwrap();
    assert!(second > first + 1, "the token came between");
    let ask = node.ask("GET", "/api/v1/events/tail").by(&node.auditor);
    let again = ask.header("last-event-id", first.to_string()).await_response().await;
    let mut again = Tail(again.into_body().into_data_stream());
    assert_eq!(again.next().await.unwrap().1["event_type"], "token_issued");
    assert_eq!(again.next().await.unwrap().0, second);
}

#[tokio::test]
async fn a_tail_begins_where_it_is_asked_to() {
    let node = node().await;
    let mut tail = Tail::of(&node, "?after=0").await;
    for expected in 1..=3 {
        assert_eq!(tail.next().await.unwrap().0, expected);
    }
}

#[tokio::test]
async fn whoever_may_no_longer_read_is_sent_nothing_more() {
    let node = node().await;
    let mut tail = Tail::of(&node, "").await;
    node.channel().await;
    assert!(tail.next().await.is_some());
    node.disable(&node.auditor).await;
    assert_eq!(tail.next().await, None);
}

#[tokio::test]
async fn the_nodes_end_ends_what_follows_it() {
    let node = node().await;
    let mut tail = Tail::of(&node, "").await;
    node.stopping.cancel();
    assert_eq!(tail.next().await, None);
}

#[tokio::test]
async fn only_so_many_may_follow_at_once() {
    let node = node().await;
    let mut tails = Vec::new();
    for _ in 0..64 {
        tails.push(Tail::of(&node, "").await);
    }
    let ask = || node.ask("GET", "/api/v1/events/tail").by(&node.auditor);
    assert_eq!(ask().await_response().await.status(), 503);
    tails.pop();
    assert_eq!(ask().await_response().await.status(), 200);
}
