use serde_json::{Value, json};

use super::fixture::{Node, node};

async fn read(node: &Node, path: &str) -> Value {
    node.ask("GET", path).by(&node.root).await_answer().await.json()
}

#[tokio::test]
async fn a_token_with_a_quota_gets_an_account_of_its_own_in_the_same_instant() {
    let node = node().await;
    let made = node.made("/api/v1/tokens", json!({"name": "t", "quota_nanos": 5})).await;
    assert_eq!(made["key"].as_str().unwrap().len(), 3 + 64);
    assert_eq!(made["quota"]["available_nanos"], 5);
    let limit =
        read(&node, &format!("/api/v1/accounts/{}", made["limit_account_id"].as_str().unwrap())).await;
    assert_eq!(limit["credit_nanos"], 5);
    assert_eq!(limit["owner"], json!({"kind": "token", "id": made["id"]}));
    assert_eq!(limit["limit"], "prepaid");
    assert_eq!(made["account_id"], node.root.account_id.to_string());
}

#[tokio::test]
async fn a_token_is_read_as_it_was_issued_but_without_its_key() {
    let node = node().await;
    let body = json!({
        "name": "t", "quota_nanos": 0, "models": ["m"], "allowed_ips": ["10.0.0.0/8"],
        "expires_at": "2027-01-01T00:00:00Z", "group": "default"
    });
    let mut made = node.made("/api/v1/tokens", body).await;
    made.as_object_mut().unwrap().remove("key").unwrap();
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(read(&node, &path).await, made);
    assert_eq!(read(&node, "/api/v1/tokens").await["items"], json!([made]));
    let body = json!({"models": null, "expires_at": null, "status": "disabled"});
    let changed = node.ask("PATCH", &path).by(&node.root).json(body).await_answer().await.json();
    assert_eq!((&changed["models"], &changed["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&changed["status"], &changed["allowed_ips"]), (&json!("disabled"), &json!(["10.0.0.0/8"])));
    assert_eq!(read(&node, &path).await, changed);
}

#[tokio::test]
async fn a_revoked_token_is_still_seen_and_never_comes_back() {
    let node = node().await;
    let made = node.made("/api/v1/tokens", json!({"name": "t"})).await;
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(node.ask("DELETE", &path).by(&node.root).await_answer().await.status, 204);
    }
    assert_eq!(read(&node, &path).await["status"], "revoked");
    for (method, path) in [("PATCH", path.clone()), ("POST", format!("{path}/rotate"))] {
        let body = if method == "PATCH" { json!({"status": "enabled"}) } else { json!({}) };
        let answered = node.ask(method, &path).by(&node.root).json(body).await_answer().await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (409, "token_revoked"), "{method}");
    }
}

#[tokio::test]
async fn whoever_asks_is_told_who_they_are() {
    let node = node().await;
    let answered = node.ask("GET", "/api/v1/me").by(&node.ada).await_answer().await.json();
    let expected = json!({
        "id": node.ada.user_id, "role": "user", "account_id": node.ada.account_id, "group": "default", "name": "Ada",
        "login": null, "budgets": []
    });
    assert_eq!(answered, expected);
}
