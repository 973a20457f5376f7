//! Each route, for each role, for nobody, for a credential that was revoked, for a user who was disabled, and for a
//! user to whom the thing does not belong: as the committed table says.

mod things;

use serde_json::{Value, json};

use self::things::{Columns, Things};
use super::fixture::{Node, node};

const TABLE: &str = include_str!("../../../../docs/permissions.md");

/// Method and path of every operation that the document describes.
fn routes() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&crate::openapi().to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
    };
    let mut routes: Vec<_> = paths.iter().flat_map(of).collect();
    routes.sort();
    routes
}

/// What a route says to a credential: who they are not, what they may not, what is not theirs; or `yes`.
async fn cell(node: &Node, method: &str, path: &str, key: Option<&str>) -> String {
    let mut ask = node.ask(method, path);
    if let Some(key) = key {
        ask = ask.bearer(key);
    }
    if method != "GET" {
        ask = ask.json(json!({}));
    }
    match ask.await_response().await.status().as_u16() {
        status @ (401 | 403 | 404) => status.to_string(),
        status if status < 500 => "yes".to_owned(),
        status => format!("broken: {status}"),
    }
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let node = node().await;
    let columns = Columns::of(&node).await;
    let things = Things(&node);
    let mut rows = Vec::new();
    for (pattern, method) in routes() {
        let mut row = vec![method.clone(), format!("`{pattern}`")];
        for keys in columns.all() {
            // What one ends, the next needs anew.
            let path = things.path(&pattern).await;
            let key = if pattern.starts_with("/v1/") { keys.client } else { keys.admin };
            row.push(cell(&node, &method, &path, key).await);
        }
        rows.push(format!("| {} |", row.join(" | ")));
    }
    let expected: Vec<&str> = TABLE.lines().filter(|line| line.contains("| `/")).collect();
    assert!(rows == expected, "docs/permissions.md should say:\n{}", rows.join("\n"));
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
