//! Each route, for each role, for nobody, and for a user to whom the thing does not belong.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::{Node, node};

/// Method, pattern, path, body, and what nobody, root, admin, auditor, Ada (whose it is) and Bob (whose it is not) get.
type Row = (&'static str, &'static str, String, Value, [u16; 6]);

const READ_ALL: [u16; 6] = [401, 200, 200, 200, 403, 403];
const READ_OWN: [u16; 6] = [401, 200, 200, 200, 200, 404];
const READ_ANY: [u16; 6] = [401, 200, 200, 200, 200, 200];
const CHANGE: [u16; 6] = [401, 200, 200, 403, 403, 403];
const CHANGE_OWN: [u16; 6] = [401, 200, 200, 403, 200, 404];
const MAKE: [u16; 6] = [401, 201, 201, 403, 403, 403];

fn row(method: &'static str, pattern: &'static str, id: &str, body: Value, expected: [u16; 6]) -> Row {
    (method, pattern, pattern.replace("{id}", id), body, expected)
}

async fn table(node: &Node) -> Vec<Row> {
    let channel = node.channel().await["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "ada's", "quota_nanos": 5});
    let token = node.ask("POST", "/api/v1/tokens").by(&node.ada).json(body).await_answer().await.json();
    let limit = token["limit_account_id"].as_str().unwrap();
    let none = Value::Null;
    let mut rows = vec![
        row("get", "/api/v1/me", "", none.clone(), READ_ANY),
        row("get", "/api/v1/calls", "", none.clone(), READ_ANY),
        row("get", "/api/v1/events", "", none.clone(), READ_ALL),
        row("get", "/api/v1/accounts/{id}", limit, none, READ_OWN),
    ];
    rows.extend(account_rows(&node.ada.account_id.to_string()));
    rows.extend(token_rows(token["id"].as_str().unwrap()));
    rows.extend(channel_rows(&channel));
    rows
}

fn account_rows(id: &str) -> [Row; 5] {
    let amount = json!({"amount_nanos": 7, "reason": "test"});
    let adjustment = json!({"kind": "credit", "amount_nanos": 7, "reason": "test"});
    [
        row("get", "/api/v1/accounts", id, Value::Null, READ_ALL),
        row("get", "/api/v1/accounts/{id}", id, Value::Null, READ_OWN),
        row("patch", "/api/v1/accounts/{id}", id, json!({"limit": "unlimited"}), CHANGE),
        row("post", "/api/v1/accounts/{id}/deposits", id, amount, MAKE),
        row("post", "/api/v1/accounts/{id}/adjustments", id, adjustment, MAKE),
    ]
}

fn token_rows(id: &str) -> [Row; 6] {
    [
        row("get", "/api/v1/tokens", id, Value::Null, READ_ANY),
        row("post", "/api/v1/tokens", id, json!({"name": "t"}), [401, 201, 201, 403, 201, 201]),
        row("get", "/api/v1/tokens/{id}", id, Value::Null, READ_OWN),
        row("patch", "/api/v1/tokens/{id}", id, json!({"name": "n"}), CHANGE_OWN),
        row("post", "/api/v1/tokens/{id}/rotate", id, Value::Null, CHANGE_OWN),
        // What is gone stays gone, so this comes last.
        row("delete", "/api/v1/tokens/{id}", id, Value::Null, [401, 204, 204, 403, 204, 404]),
    ]
}

fn channel_rows(id: &str) -> [Row; 5] {
    let body = json!({"name": "more", "provider": "echo", "keys": ["k"], "models": ["m"]});
    [
        row("get", "/api/v1/channels", id, Value::Null, READ_ALL),
        row("post", "/api/v1/channels", id, body, MAKE),
        row("get", "/api/v1/channels/{id}", id, Value::Null, READ_ALL),
        row("patch", "/api/v1/channels/{id}", id, json!({"weight": 2}), CHANGE),
        row("delete", "/api/v1/channels/{id}", id, Value::Null, [401, 204, 204, 403, 403, 403]),
    ]
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let node = node().await;
    for (method, _, path, body, expected) in table(&node).await {
        let people = [
            None,
            Some(&node.root),
            Some(&node.admin),
            Some(&node.auditor),
            Some(&node.ada),
            Some(&node.bob),
        ];
        for (person, expected) in people.into_iter().zip(expected) {
            let mut ask = node.ask(&method.to_uppercase(), &path);
            if let Some(person) = person {
                ask = ask.by(person);
            }
            if !body.is_null() {
                ask = ask.json(body.clone());
            }
            let answered = ask.await_answer().await;
            let who = person.map(|person| person.user_id);
            assert_eq!(answered.status, expected, "{method} {path} by {who:?}: {answered:?}");
        }
    }
}

#[tokio::test]
async fn the_table_holds_every_route_that_the_document_describes() {
    let node = node().await;
    let table = table(&node).await;
    let tested: BTreeSet<(String, String)> =
        table.into_iter().map(|(method, pattern, ..)| (method.to_owned(), pattern.to_owned())).collect();
    let document: Value = serde_json::from_str(&crate::openapi().to_json().unwrap()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.starts_with("/api/v1/") {
            described.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
        }
    }
    assert_eq!(tested, described);
}

#[tokio::test]
async fn a_user_lists_only_what_is_their_own() {
    let node = node().await;
    node.made("/api/v1/tokens", json!({"name": "root's"})).await;
    node.ask("POST", "/api/v1/tokens").by(&node.ada).json(json!({"name": "ada's"})).await_answer().await;
    let listed = async |person| {
        let answered = node.ask("GET", "/api/v1/tokens").by(person).await_answer().await.json();
        answered["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&node.ada).await, ["ada's"]);
    assert_eq!(listed(&node.bob).await, Vec::<Value>::new());
    assert_eq!(listed(&node.auditor).await, ["root's", "ada's"]);
}

#[tokio::test]
async fn a_user_may_not_choose_the_group_that_sets_their_price() {
    let node = node().await;
    let body = json!({"name": "cheap", "group": "vip"});
    let answered = node.ask("POST", "/api/v1/tokens").by(&node.ada).json(body.clone()).await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (403, "forbidden"));
    let answered = node.ask("POST", "/api/v1/tokens").by(&node.root).json(body).await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (422, "invalid_value"));
}
