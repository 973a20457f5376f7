//! The first start.

use domain::user::UserCommand;

use super::fixture::{Answered, Condition, Node, node_of, patient};
use crate::Setup;

const FORM: &str = "name=Ada&login=ada&password=correct+horse";

async fn node() -> (Node, String) {
    let (setup, path) = Setup::open(&[7; 32]);
    (node_of(Condition::Ready, patient(), setup).await, path)
}

async fn without_root() -> (Node, String) {
    let (node, path) = node().await;
    node.told(&node.root, UserCommand::Delete).await;
    (node, path)
}

async fn post(node: &Node, path: &str, form: &str) -> Answered {
    let ask = node.ask("POST", path).header("content-type", "application/x-www-form-urlencoded");
    ask.raw(form.as_bytes().to_vec()).await_answer().await
}

#[tokio::test]
async fn the_link_makes_one_root_who_may_do_everything() {
    let (node, path) = without_root().await;
    let form = node.ask("GET", &path).await_answer().await;
    assert_eq!(form.status, 200);
    assert!(String::from_utf8_lossy(&form.body).contains("<form"));
    let done = post(&node, &path, FORM).await;
    assert_eq!(done.status, 201, "{done:?}");
    let page = String::from_utf8(done.body).unwrap();
    let key = page.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap();
    let me = node.ask("GET", "/api/v1/me").bearer(key).await_answer().await.json();
    assert_eq!((&me["role"], &me["login"]), (&"root".into(), &"ada".into()));
    let account = format!("/api/v1/accounts/{}", me["account_id"].as_str().unwrap());
    assert_eq!(node.ask("GET", &account).bearer(key).await_answer().await.json()["limit"], "unlimited");
    for answered in [post(&node, &path, FORM).await, node.ask("GET", &path).await_answer().await] {
        assert_eq!(answered.status, 410);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_form_is_said_and_the_link_still_works() {
    let (node, path) = without_root().await;
    let wrong = post(&node, &path, "name=Ada&login=ada&password=short").await;
    assert_eq!(wrong.status, 422);
    assert!(String::from_utf8_lossy(&wrong.body).contains("at least 8 characters"));
    assert_eq!(post(&node, &path, FORM).await.status, 201);
}

#[tokio::test]
async fn nothing_is_made_where_there_is_a_root_or_the_secret_is_another() {
    let (node, path) = node().await;
    assert_eq!(post(&node, &path, FORM).await.status, 410);
    let (node, _) = without_root().await;
    for path in ["/setup", "/setup?secret=", "/setup?secret=07"] {
        assert_eq!(post(&node, path, FORM).await.status, 410, "{path}");
    }
}
