//! What every answer has: origins, compression, the documentation page.

use axum::{body::Body, http::Request};
use tower::ServiceExt;

use super::fixture::node;

#[tokio::test]
async fn a_web_page_that_is_named_may_ask_and_no_other() {
    let node = node().await;
    let asked = async |origin: &str, path: &str| {
        let ask = node.ask("OPTIONS", path).header("origin", origin);
        let ask = ask.header("access-control-request-method", "PATCH");
        ask.header("access-control-request-headers", "authorization").await_answer().await
    };
    for path in ["/api/v1/channels", "/v1/chat/completions"] {
        let allowed = asked("https://app.example", path).await;
        assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example", "{path}");
        assert_eq!(allowed.header("access-control-allow-headers"), "authorization");
        assert_eq!(asked("https://other.example", path).await.header("access-control-allow-origin"), "");
    }
    let read = node.ask("GET", "/api/v1/me").by(&node.root).header("origin", "https://app.example");
    let read = read.await_answer().await;
    assert_eq!(read.header("access-control-allow-origin"), "https://app.example");
    assert!(read.header("access-control-expose-headers").contains("veloera-position"));
}

#[tokio::test]
async fn whoever_takes_compressed_answers_gets_them_and_a_call_is_left_as_it_is() {
    let node = node().await;
    let plain = node.ask("GET", "/api/openapi.json").await_answer().await;
    let small = node.ask("GET", "/api/openapi.json").header("accept-encoding", "gzip").await_answer().await;
    assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"));
    assert!(small.body.len() * 5 < plain.body.len());
    let models = node.ask("GET", "/v1/models").header("accept-encoding", "gzip").await_answer().await;
    assert_eq!(models.header("content-encoding"), "");
}

#[tokio::test]
async fn the_documentation_page_needs_no_network() {
    let node = node().await;
    assert_eq!(node.ask("GET", "/api/docs").await_answer().await.header("location"), "/api/docs/");
    let page = node.ask("GET", "/api/docs/").await_answer().await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    let sources = html.split("src=\"").chain(html.split("href=\"")).filter_map(|rest| rest.split_once('"'));
    let mut seen = 0;
    for (source, _) in sources.filter(|(source, _)| source.starts_with("./")) {
        let path = source.replacen("./", "/api/docs/", 1);
        let asset = node.ask("GET", &path).await_answer().await;
        assert_eq!(asset.status, 200, "{path}");
        seen += 1;
    }
    assert!(seen >= 3, "{html}");
    let start = node.ask("GET", "/api/docs/swagger-initializer.js").await_answer().await;
    assert!(String::from_utf8(start.body).unwrap().contains("/api/openapi.json"));
}

#[tokio::test]
async fn a_node_of_one_role_answers_what_is_of_that_role() {
    let node = node().await;
    for (method, path, of_clients, of_others) in [
        ("GET", "/v1/models", 401, 404),
        ("POST", "/v1/chat/completions", 401, 404),
        ("GET", "/api/v1/me", 404, 401),
        ("GET", "/api/openapi.json", 404, 200),
        ("GET", "/livez", 200, 200),
        ("GET", "/readyz", 200, 200),
        ("GET", "/metrics", 200, 200),
    ] {
        for (router, status) in [(&node.clients, of_clients), (&node.others, of_others)] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{method} {path}");
            assert!(answer.headers().contains_key("x-request-id"), "{method} {path}");
        }
    }
}
