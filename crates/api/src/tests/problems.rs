use serde_json::json;

use super::fixture::{Answered, Condition, Node, node, node_with, patient};
use crate::EdgeLimits;

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_same_members() {
    let node = node().await;
    let nobody = "/api/v1/accounts/0199a1b2-0000-7000-8000-000000000000";
    let long = "x".repeat(300);
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/nothing", "", 404, "not_found"),
        ("GET", "/nothing", "", 404, "not_found"),
        ("PUT", "/api/v1/channels", "", 405, "method_not_allowed"),
        ("GET", "/api/v1/channels/7", "", 400, "invalid_parameter"),
        ("GET", "/api/v1/channels?limit=0", "", 400, "invalid_parameter"),
        ("GET", "/api/v1/channels?colour=1", "", 400, "invalid_parameter"),
        ("GET", nobody, "", 404, "not_found"),
        ("PATCH", nobody, "{}", 404, "not_found"),
        ("POST", "/api/v1/tokens", "{", 400, "invalid_json"),
        ("POST", "/api/v1/tokens", r#"{"name":"a","colour":1}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"{"name":7}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"["a",null,null,null,null,null]"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"{"name":"a\u0000"}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"{"name":"a","quota_nanos":9007199254740992}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"{"name":"a","quota_nanos":-1}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", r#"{"name":"a","quota_nanos":1.5}"#, 400, "invalid_body"),
        ("POST", "/api/v1/tokens", &format!(r#"{{"name":"{long}"}}"#), 422, "invalid_value"),
        ("POST", "/api/v1/tokens", r#"{"name":"a","allowed_ips":["x"]}"#, 422, "invalid_value"),
    ] {
        let answered = node.ask(method, path).by(&node.root).text(body).await_answer().await;
        assert_eq!(answered.status, status, "{method} {path} {body}: {answered:?}");
        assert_eq!(answered.header("content-type"), "application/problem+json", "{path}");
        let problem = answered.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:veloera:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        assert!(!answered.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_problem_names_the_field_and_the_place() {
    let node = node().await;
    let detail = async |body: &str| {
        let answered = node.ask("POST", "/api/v1/channels").by(&node.root).text(body).await_answer().await;
        answered.json()["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail(r#"{"colour":1}"#).await.contains("unknown field `colour`"));
    let wrong = r#"{"name":"a","provider":"echo","keys":[1],"models":["m"]}"#;
    assert!(detail(wrong).await.contains("keys[0]: invalid type"));
    let unknown = r#"{"name":"a","provider":"nobody","keys":["k"],"models":["m"]}"#;
    assert!(detail(unknown).await.contains("`provider`: there is no `nobody`"));
}

#[tokio::test]
async fn whoever_is_not_known_is_told_how_to_be() {
    let node = node().await;
    for value in ["", "Bearer ", "Bearer vk-nobody", "Basic vk-nobody", "Bearer a b c"] {
        let answered = node.ask("GET", "/api/v1/me").header("authorization", value).await_answer().await;
        assert_eq!(
            (answered.status.as_u16(), answered.code().as_str()),
            (401, "unauthenticated"),
            "{value:?}"
        );
        assert_eq!(answered.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn a_path_that_takes_other_methods_names_them() {
    let node = node().await;
    let answered = node.ask("PUT", "/api/v1/channels").by(&node.root).await_answer().await;
    let allowed = answered.header("allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn a_body_is_json_and_no_larger_than_it_may_be() {
    let limits = EdgeLimits { admin_body_bytes_max: 64, ..patient() };
    let node = node_with(Condition::Ready, limits).await;
    let answered =
        node.ask("POST", "/api/v1/tokens").by(&node.root).text(&" ".repeat(65)).await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (413, "body_too_large"));
    let form = node.ask("POST", "/api/v1/tokens").by(&node.root).header("content-type", "text/plain");
    let answered = form.raw(b"{}".to_vec()).await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
    let node = node_with(Condition::Ready, EdgeLimits { body_wait_ms_max: 1, ..patient() }).await;
    let answered = node.ask("POST", "/api/v1/tokens").by(&node.root).endless().await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (408, "request_timeout"));
}

async fn read_at(node: &Node, position: &str) -> Answered {
    let ask = node.ask("GET", "/api/v1/me").by(&node.root).header("if-position-at-least", position);
    ask.await_answer().await
}

#[tokio::test]
async fn a_read_sees_what_the_write_has_done() {
    let node = node().await;
    let ask = node.ask("POST", "/api/v1/tokens").by(&node.root).json(json!({"name": "t"}));
    let written = ask.await_answer().await;
    assert!(written.header("veloera-position").starts_with("control:"), "{written:?}");
    assert_eq!(read_at(&node, written.header("veloera-position")).await.status, 200);
    assert_eq!(read_at(&node, "soon").await.code(), "invalid_parameter");
}

#[tokio::test]
async fn a_read_does_not_wait_for_ever() {
    let limits = EdgeLimits { position_wait_ms_max: 1, ..EdgeLimits::default() };
    let node = node_with(Condition::Ready, limits).await;
    let answered = read_at(&node, "control:999999").await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (503, "position_not_reached"));
}

#[tokio::test]
async fn a_panic_ends_its_request_and_nothing_else() {
    let node = node_with(Condition::Panics, patient()).await;
    let answered = node.ask("GET", "/readyz").await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (500, "internal"));
    assert!(!answered.header("x-request-id").is_empty());
    assert_eq!(node.ask("GET", "/livez").await_answer().await.status, 200);
}

#[tokio::test]
async fn a_node_that_is_not_ready_says_what_is_missing() {
    let node = node_with(Condition::Unready, patient()).await;
    let answered = node.ask("GET", "/readyz").await_answer().await;
    assert_eq!(answered.status, 503);
    let checks = json!([{"name": "log", "ok": false, "detail": "position 1"}]);
    assert_eq!(answered.json(), json!({"ready": false, "checks": checks}));
}

#[tokio::test]
async fn the_document_is_served_as_it_is_generated() {
    let node = node().await;
    let answered = node.ask("GET", "/api/openapi.json").await_answer().await;
    assert_eq!(answered.body, crate::openapi().to_json().unwrap().into_bytes());
}
