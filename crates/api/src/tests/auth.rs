//! Signing in, staying, signing out.

use serde_json::{Value, json};

use super::fixture::{Answered, Node, node};

const PASSWORD: &str = "correct horse battery";

/// Someone who can sign in.
async fn ada(node: &Node) -> Value {
    let body = json!({"name": "Ada", "login": "Ada", "password": PASSWORD});
    node.made("/api/v1/users", body).await
}

async fn post(node: &Node, what: &str, body: Value) -> Answered {
    node.ask("POST", &format!("/api/v1/auth/{what}")).json(body).await_answer().await
}

async fn sign_in(node: &Node) -> Value {
    let answered = post(node, "login", json!({"login": "ADA", "password": PASSWORD})).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.json()
}

async fn me(node: &Node, held: &Value) -> Answered {
    node.ask("GET", "/api/v1/me").bearer(held["access_token"].as_str().unwrap()).await_answer().await
}

async fn refresh(node: &Node, held: &Value) -> Answered {
    post(node, "refresh", json!({"refresh_token": held["refresh_token"]})).await
}

#[tokio::test]
async fn whoever_signs_in_is_known_at_once_and_by_their_own_token() {
    let node = node().await;
    let made = ada(&node).await;
    let held = sign_in(&node).await;
    assert_eq!((&held["token_type"], &held["expires_in"]), (&json!("Bearer"), &json!(900)));
    let answered = me(&node, &held).await;
    assert_eq!(answered.json()["id"], made["id"], "{answered:?}");
    assert_eq!(answered.json()["login"], "ada");
    let wrong_use = json!({"access_token": held["refresh_token"]});
    assert_eq!(me(&node, &wrong_use).await.code(), "unauthenticated");
    let wrong_use = json!({"refresh_token": held["access_token"]});
    assert_eq!(refresh(&node, &wrong_use).await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike() {
    let node = node().await;
    ada(&node).await;
    let wrong = [
        json!({"login": "ada", "password": "another password"}),
        json!({"login": "nobody", "password": PASSWORD}),
        json!({"login": "no\u{a0}name", "password": PASSWORD}),
        json!({"login": "ada", "password": ""}),
    ];
    let mut told = Vec::new();
    for body in wrong {
        let answered = post(&node, "login", body).await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (401, "invalid_credentials"));
        told.push(answered.body);
    }
    told.dedup();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn guesses_are_slowed_down_and_the_right_one_must_wait_too() {
    let node = node().await;
    ada(&node).await;
    for _ in 0..5 {
        post(&node, "login", json!({"login": "ada", "password": "a guess at it"})).await;
    }
    let answered = post(&node, "login", json!({"login": "ada", "password": PASSWORD})).await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (429, "too_many_attempts"));
    assert_eq!(answered.header("retry-after"), "1");
    let body = json!({"login": "ada", "password": PASSWORD});
    let elsewhere = node.ask("POST", "/api/v1/auth/login").from([10, 9, 9, 9]).json(body);
    assert_eq!(elsewhere.await_answer().await.status, 200, "others are not held up");
    node.clock.advance_minutes(1);
    sign_in(&node).await;
}

#[tokio::test]
async fn the_current_password_is_guessed_at_no_faster() {
    let node = node().await;
    ada(&node).await;
    let held = sign_in(&node).await;
    let guess = async || {
        let body = json!({"current_password": "a guess at it", "new_password": "another password"});
        let token = held["access_token"].as_str().unwrap();
        node.ask("PUT", "/api/v1/me/password").bearer(token).json(body).await_answer().await
    };
    for _ in 0..5 {
        assert_eq!(guess().await.code(), "invalid_credentials");
    }
    assert_eq!(guess().await.code(), "too_many_attempts");
    assert_eq!(me(&node, &held).await.status, 200, "who is signed in stays so");
}

#[tokio::test]
async fn an_access_token_lasts_minutes_and_a_refresh_begins_anew() {
    let node = node().await;
    ada(&node).await;
    let first = sign_in(&node).await;
    node.clock.advance_minutes(15);
    assert_eq!(me(&node, &first).await.status, 401);
    let second = refresh(&node, &first).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(me(&node, &second.json()).await.status, 200);
    assert_eq!(second.json()["session_expires_at"], first["session_expires_at"]);
    node.clock.advance_minutes(30 * 24 * 60);
    assert_eq!(refresh(&node, &second.json()).await.code(), "session_ended");
}

#[tokio::test]
async fn a_refresh_token_that_is_shown_again_later_ends_the_session() {
    let node = node().await;
    ada(&node).await;
    let first = sign_in(&node).await;
    let second = refresh(&node, &first).await.json();
    assert_eq!(refresh(&node, &first).await.status, 409, "a twin is late, no thief");
    assert_eq!(me(&node, &second).await.status, 200);
    node.clock.advance_minutes(1);
    assert_eq!(refresh(&node, &first).await.code(), "session_ended");
    assert_eq!(me(&node, &second).await.status, 401, "whoever copied it has lost it too");
    assert_eq!(refresh(&node, &second).await.code(), "session_ended");
}

#[tokio::test]
async fn signing_out_ends_what_is_held_however_old_it_is() {
    let node = node().await;
    ada(&node).await;
    let held = sign_in(&node).await;
    let other = sign_in(&node).await;
    for _ in 0..2 {
        let answered = post(&node, "logout", json!({"refresh_token": held["refresh_token"]})).await;
        assert_eq!(answered.status, 204, "{answered:?}");
    }
    assert_eq!(me(&node, &held).await.status, 401);
    assert_eq!(refresh(&node, &held).await.code(), "session_ended");
    assert_eq!(me(&node, &other).await.status, 200);
    assert_eq!(post(&node, "logout", json!({"refresh_token": "a.b.c"})).await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_new_password_and_a_ban_end_every_session_at_once() {
    let node = node().await;
    let made = ada(&node).await;
    let path = format!("/api/v1/users/{}", made["id"].as_str().unwrap());
    let held = sign_in(&node).await;
    let body = json!({"current_password": PASSWORD, "new_password": "another password"});
    let token = held["access_token"].as_str().unwrap();
    let changed = node.ask("PUT", "/api/v1/me/password").bearer(token).json(body).await_answer().await;
    assert_eq!(changed.status, 204, "{changed:?}");
    assert_eq!(me(&node, &held).await.status, 401);
    let body = json!({"login": "ada", "password": "another password"});
    let held = post(&node, "login", body.clone()).await.json();
    assert_eq!(me(&node, &held).await.status, 200);
    let patch = async |status: &str| {
        node.ask("PATCH", &path).by(&node.root).json(json!({"status": status})).await_answer().await.status
    };
    assert_eq!(patch("disabled").await, 200);
    assert_eq!(me(&node, &held).await.status, 401);
    assert_eq!(refresh(&node, &held).await.code(), "session_ended");
    let refused = post(&node, "login", body).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "forbidden"));
    assert_eq!(patch("enabled").await, 200);
    assert_eq!(refresh(&node, &held).await.code(), "session_ended", "who comes back signs in anew");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let node = node().await;
    let made = ada(&node).await;
    let (first, second) = (sign_in(&node).await, sign_in(&node).await);
    let token = |held: &Value| held["access_token"].as_str().unwrap().to_owned();
    let listed = async |held: &Value| {
        let answered = node.ask("GET", "/api/v1/sessions").bearer(&token(held)).await_answer().await;
        answered.json()["items"].as_array().unwrap().clone()
    };
    let sessions = listed(&second).await;
    assert_eq!(sessions.iter().map(|row| row["current"].clone()).collect::<Vec<_>>(), [true, false]);
    let path = format!("/api/v1/sessions/{}", sessions[1]["id"].as_str().unwrap());
    let foreign = node.ask("DELETE", &path).by(&node.bob).await_answer().await;
    assert_eq!(foreign.status, 404);
    let ended = node.ask("DELETE", &path).bearer(&token(&second)).await_answer().await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_eq!((me(&node, &first).await.status.as_u16(), listed(&second).await.len()), (401, 1));
    let path = format!("/api/v1/users/{}/sign-out", made["id"].as_str().unwrap());
    assert_eq!(node.ask("POST", &path).by(&node.admin).await_answer().await.status, 204);
    assert_eq!(me(&node, &second).await.status, 401);
}

#[tokio::test]
async fn nothing_of_a_password_or_a_token_stands_in_the_log() {
    let node = node().await;
    ada(&node).await;
    let held = sign_in(&node).await;
    let events = node.ask("GET", "/api/v1/events?limit=1000").by(&node.auditor).await_answer().await;
    let seen = String::from_utf8(events.body).unwrap();
    assert!(seen.contains("session_opened") && seen.contains("user_password_set"));
    let signature = held["refresh_token"].as_str().unwrap().rsplit('.').next().unwrap();
    for secret in [PASSWORD, "argon2", signature, "\"ada\"", "\"Ada\""] {
        assert!(!seen.contains(secret), "{secret}");
    }
}
