//! One token at a time, and a snapshot that is told as it is made.

use axum::http::StatusCode;
use projections::{Versioned, tokens::TokenRow};
use serde_json::json;

use super::rig::{Line, Rig, await_status};
use crate::key;

/// A token's key and id.
async fn issued(rig: &Rig) -> (String, String) {
    let body = json!({"name": "the-name"});
    let issued = rig.node.ask("POST", "/api/v1/tokens").by(&rig.node.ada).json(body).await_answer().await;
    assert_eq!(issued.status, 201);
    rig.node.caught_up().await;
    let issued = issued.json();
    let text = |field: &str| issued[field].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

#[tokio::test]
async fn a_node_is_told_what_a_token_is_by_the_hash_of_its_key_and_not_what_people_call_it() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let (key, id) = issued(&rig).await;
    let hash = key::hash(&key);
    let text = control.token(&hash).await.unwrap().unwrap();
    let told: Versioned<TokenRow> = serde_json::from_slice(&text).unwrap();
    assert_eq!((told.row.token_id.to_string(), told.version), (id.clone(), 1));
    assert!(!String::from_utf8_lossy(&text).contains("the-name"));
    assert_eq!(control.token(&key::hash("sk-nobody")).await.unwrap(), None);

    let path = format!("/api/v1/tokens/{id}");
    rig.node.ask("DELETE", &path).by(&rig.node.ada).await_answer().await;
    rig.node.caught_up().await;
    assert_eq!(control.token(&hash).await.unwrap(), None);
}

#[tokio::test]
async fn nobody_but_a_node_is_told_and_no_answer_is_believed_that_was_changed() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let hash = key::hash(&issued(&rig).await.0);
    await_status(rig.control("nobody").token(&hash).await, StatusCode::UNAUTHORIZED);
    for line in [Line::ChangesBody, Line::DropsMark, Line::AnswersBefore] {
        rig.set(line);
        let told = control.token(&hash).await.unwrap_err();
        assert!(told.to_string().contains("no mark of this master key"), "{line:?}: {told}");
    }
    let answered = rig.node.ask("GET", "/sync/tokens/short").await_answer().await;
    assert_eq!(answered.status, 400);
}

#[tokio::test]
async fn a_snapshot_that_was_changed_cut_or_is_of_another_request_is_not_believed() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    issued(&rig).await;
    let whole = control.snapshot(|| Ok(Vec::new())).await.unwrap();
    assert!(whole.ends_with(b"}}\n"), "the mark is no part of it");
    for line in [Line::ChangesBody, Line::AnswersBefore, Line::CutsShort] {
        rig.set(line);
        let told = control.snapshot(|| Ok(Vec::new())).await.unwrap_err();
        assert!(told.to_string().contains("no mark of this master key"), "{line:?}: {told}");
    }
    rig.set(Line::Good);
    assert_eq!(control.snapshot(|| Ok(Vec::new())).await.unwrap(), whole);
    await_status(rig.control("nobody").snapshot(|| Ok(Vec::new())).await, StatusCode::UNAUTHORIZED);
}
