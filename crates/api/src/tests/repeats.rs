//! A write that is sent twice, and a write upon something that has changed.

use serde_json::{Value, json};

use super::fixture::{Answered, Node, Person, node};

async fn issue(node: &Node, person: &Person, key: &str, body: Value) -> Answered {
    let ask = node.ask("POST", "/api/v1/tokens").by(person).header("idempotency-key", key);
    ask.json(body).await_answer().await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_with_its_key_and_makes_nothing() {
    let node = node().await;
    let first = issue(&node, &node.root, "k1", json!({"name": "t"})).await;
    let second = issue(&node, &node.root, "k1", json!({"name": "t"})).await;
    assert_eq!(first.status, 201);
    assert!(first.json()["key"].as_str().unwrap().starts_with("sk-"));
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    for name in ["etag", "veloera-position"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    let listed = node.ask("GET", "/api/v1/tokens").by(&node.root).await_answer().await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_at_once_are_one() {
    let node = node().await;
    let body = json!({"name": "t"});
    let issue = || issue(&node, &node.root, "k1", body.clone());
    let (first, second) = tokio::join!(issue(), issue());
    assert_eq!((first.status.as_u16(), &first.body), (201, &second.body));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_body_is_refused() {
    let node = node().await;
    issue(&node, &node.root, "k1", json!({"name": "t"})).await;
    let answered = issue(&node, &node.root, "k1", json!({"name": "u"})).await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (422, "idempotency_key_reused"));
}

#[tokio::test]
async fn the_same_key_of_someone_else_is_another_key() {
    let node = node().await;
    let first = issue(&node, &node.ada, "k1", json!({"name": "t"})).await.json();
    let second = issue(&node, &node.bob, "k1", json!({"name": "t"})).await.json();
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["key"], second["key"]);
}

#[tokio::test]
async fn after_ten_minutes_a_repeat_still_makes_nothing_and_says_why_it_has_no_answer() {
    let node = node().await;
    let first = issue(&node, &node.root, "k1", json!({"name": "t"})).await;
    node.clock.advance_minutes(11);
    issue(&node, &node.root, "k2", json!({"name": "u"})).await;
    let again = issue(&node, &node.root, "k1", json!({"name": "t"})).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "idempotency_key_expired"));
    assert_eq!(again.header("veloera-position"), first.header("veloera-position"));
    let listed = node.ask("GET", "/api/v1/tokens").by(&node.root).await_answer().await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn money_is_moved_once_however_often_it_is_asked() {
    let node = node().await;
    let path = format!("/api/v1/accounts/{}", node.ada.account_id);
    for _ in 0..3 {
        let ask =
            node.ask("POST", &format!("{path}/deposits")).by(&node.root).header("idempotency-key", "d1");
        let answered = ask.json(json!({"amount_nanos": 7, "reason": "invoice"})).await_answer().await;
        assert_eq!(answered.status, 201);
        assert_eq!(answered.json()["account"]["credit_nanos"], 7);
    }
    let account = node.ask("GET", &path).by(&node.ada).await_answer().await.json();
    assert_eq!(account["available_nanos"], 7);
}

#[tokio::test]
async fn a_change_meets_only_the_version_that_its_sender_has_seen() {
    let node = node().await;
    let path = format!("/api/v1/channels/{}", node.channel().await["id"].as_str().unwrap());
    let seen = node.ask("GET", &path).by(&node.root).await_answer().await;
    let change = async |weight: u32, tag: &str| {
        let ask = node.ask("PATCH", &path).by(&node.root).header("if-match", tag);
        ask.json(json!({"weight": weight})).await_answer().await
    };
    let first = change(2, seen.header("etag")).await;
    assert_eq!(first.status, 200);
    let late = change(3, seen.header("etag")).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (412, "precondition_failed"));
    assert_eq!(change(3, first.header("etag")).await.status, 200);
    let delete = node.ask("DELETE", &path).by(&node.root).header("if-match", seen.header("etag"));
    assert_eq!(delete.await_answer().await.status, 412);
}
