//! Budgets: made for whoever is there, shown with what they limit, changed, and closed.

use domain::{GroupName, budget::Holder};
use serde_json::{Value, json};

use super::fixture::{Answered, Node, Person, node};

async fn send(node: &Node, method: &str, path: &str, body: Value) -> Answered {
    node.ask(method, path).by(&node.root).json(body).await_answer().await
}

async fn read(node: &Node, by: &Person, path: &str) -> Value {
    node.ask("GET", path).by(by).await_answer().await.json()
}

async fn token(node: &Node) -> String {
    let ask = node.ask("POST", "/api/v1/tokens").by(&node.ada).json(json!({"name": "t"}));
    ask.await_answer().await.json()["id"].as_str().unwrap().to_owned()
}

fn daily(kind: &str, id: &str) -> Value {
    json!({"holder": {"kind": kind, "id": id}, "period": "day", "limit_nanos": 500})
}

#[tokio::test]
async fn a_budget_is_made_and_shows_its_window() {
    let node = node().await;
    let made = send(&node, "POST", "/api/v1/budgets", daily("token", &token(&node).await)).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""), "{made:?}");
    assert!(made.header("veloera-position").starts_with("control:"), "{made:?}");
    let made = made.json();
    assert_eq!(
        [&made["period"], &made["limit_nanos"], &made["status"]],
        [&json!("day"), &json!(500), &json!("open")]
    );
    let window = &made["window"];
    assert_eq!(
        [&window["name"], &window["starts_at"], &window["ends_at"]],
        ["2026-11-24", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"]
    );
    assert_eq!(["spent_nanos", "pending_nanos", "left_nanos"].map(|sum| window[sum].clone()), [0, 0, 500]);
    let path = format!("/api/v1/budgets/{}", made["id"].as_str().unwrap());
    assert_eq!(read(&node, &node.auditor, &path).await, made);
    assert_eq!(read(&node, &node.auditor, "/api/v1/budgets").await["items"], json!([made]));
}

#[tokio::test]
async fn a_budget_is_shown_with_what_it_limits_and_to_whoever_that_is() {
    let node = node().await;
    let (token, user) = (token(&node).await, node.ada.user_id.to_string());
    let of_token = node.made("/api/v1/budgets", daily("token", &token)).await;
    let of_user = node.made("/api/v1/budgets", daily("user", &user)).await;
    let of_group = node.made("/api/v1/budgets", daily("group", "default")).await;
    let shown = read(&node, &node.ada, &format!("/api/v1/tokens/{token}")).await;
    assert_eq!(shown["budgets"], json!([of_token]));
    let listed = read(&node, &node.ada, "/api/v1/tokens").await;
    assert_eq!(listed["items"][0]["budgets"], json!([of_token]));
    let renamed = node.ask("PATCH", &format!("/api/v1/tokens/{token}")).by(&node.ada);
    let renamed = renamed.json(json!({"name": "u"})).await_answer().await.json();
    assert_eq!(renamed["budgets"], json!([of_token]));
    assert_eq!(read(&node, &node.ada, "/api/v1/me").await["budgets"], json!([of_user]));
    let shown = read(&node, &node.admin, &format!("/api/v1/users/{user}")).await;
    assert_eq!(shown["budgets"], json!([of_user]));
    for (query, only) in [
        (format!("token_id={token}"), of_token),
        (format!("user_id={user}"), of_user),
        ("group=default".into(), of_group),
    ] {
        let listed = read(&node, &node.root, &format!("/api/v1/budgets?{query}")).await;
        assert_eq!(listed["items"], json!([only]), "{query}");
    }
    let two = read(&node, &node.root, &format!("/api/v1/budgets?group=default&token_id={token}")).await;
    assert_eq!(two["code"], "invalid_parameter");
}

#[tokio::test]
async fn a_call_is_bound_by_the_budgets_of_its_token_its_user_and_its_group() {
    let node = node().await;
    let (token, group) = (token(&node).await, GroupName::default_group());
    let ids = [("token", token.clone()), ("user", node.ada.user_id.to_string()), ("group", "default".into())];
    for (kind, id) in &ids {
        node.made("/api/v1/budgets", daily(kind, id)).await;
    }
    let bound = node.directory.budgets(token.parse().unwrap(), node.ada.user_id, &group);
    assert_eq!(bound.len(), 3);
    assert_eq!(node.directory.budgets(token.parse().unwrap(), node.bob.user_id, &group).len(), 2);
}

#[tokio::test]
async fn a_new_limit_holds_at_once_and_a_closed_budget_stays_closed() {
    let node = node().await;
    let made = node.made("/api/v1/budgets", daily("user", &node.ada.user_id.to_string())).await;
    let path = format!("/api/v1/budgets/{}", made["id"].as_str().unwrap());
    let stale = node.ask("PATCH", &path).by(&node.root).header("if-match", "\"7\"");
    assert_eq!(stale.json(json!({"limit_nanos": 9})).await_answer().await.status, 412);
    let changed = send(&node, "PATCH", &path, json!({"limit_nanos": 900})).await;
    assert_eq!(
        (changed.json()["window"]["left_nanos"].clone(), changed.header("etag")),
        (json!(900), "\"2\"")
    );
    assert_eq!(send(&node, "DELETE", &path, json!({})).await.status, 204);
    assert_eq!(send(&node, "DELETE", &path, json!({})).await.status, 204, "it is closed already");
    let closed = read(&node, &node.root, &path).await;
    assert_eq!((&closed["status"], &closed["window"]), (&json!("closed"), &Value::Null));
    assert_eq!(node.directory.budgets_of(&Holder::User(node.ada.user_id)), []);
    let refused = send(&node, "PATCH", &path, json!({"limit_nanos": 1})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "not_allowed"));
    // There may be another now.
    node.made("/api/v1/budgets", daily("user", &node.ada.user_id.to_string())).await;
}

#[tokio::test]
async fn whoever_is_limited_has_one_open_budget_for_each_period() {
    let node = node().await;
    node.made("/api/v1/budgets", daily("group", "default")).await;
    let again = send(&node, "POST", "/api/v1/budgets", daily("group", "default")).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "already_exists"));
    for period in ["hour", "week", "month", "total"] {
        let mut body = daily("group", "default");
        body["period"] = json!(period);
        let made = node.made("/api/v1/budgets", body).await;
        assert_eq!(made["window"]["ends_at"].is_null(), period == "total", "{made}");
    }
}

#[tokio::test]
async fn a_budget_that_cannot_be_is_refused_and_says_why() {
    let node = node().await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    let gone = token(&node).await;
    let path = format!("/api/v1/tokens/{gone}");
    node.ask("DELETE", &path).by(&node.ada).await_answer().await;
    for (kind, id) in [("token", nobody), ("token", &gone), ("user", nobody), ("group", "nobody's")] {
        let refused = send(&node, "POST", "/api/v1/budgets", daily(kind, id)).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "invalid_value"), "{kind}");
        assert!(refused.json()["detail"].as_str().unwrap().starts_with("`holder`: there is no"), "{kind}");
    }
    for (field, value) in [
        ("period", json!("fortnight")),
        ("limit_nanos", json!(-1)),
        ("limit_nanos", json!(9_007_199_254_740_992_u64)),
        ("holder", json!({"kind": "team", "id": nobody})),
        ("holder", json!({"kind": "user", "id": "ada"})),
        ("colour", json!("red")),
    ] {
        let mut body = daily("group", "default");
        body[field] = value;
        let refused = send(&node, "POST", "/api/v1/budgets", body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_body"), "{body}");
    }
    let unknown = format!("/api/v1/budgets/{nobody}");
    assert_eq!(send(&node, "PATCH", &unknown, json!({"limit_nanos": 1})).await.status, 404);
    assert_eq!(send(&node, "DELETE", &unknown, json!({})).await.status, 404);
}

#[tokio::test]
async fn a_budget_that_is_sent_twice_is_made_once() {
    let node = node().await;
    let ask = async || {
        let ask = node.ask("POST", "/api/v1/budgets").by(&node.root).header("idempotency-key", "k1");
        ask.json(daily("group", "default")).await_answer().await
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!((first.status.as_u16(), &first.body), (201, &second.body));
    assert_eq!(read(&node, &node.root, "/api/v1/budgets").await["items"].as_array().unwrap().len(), 1);
}
