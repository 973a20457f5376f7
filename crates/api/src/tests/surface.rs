//! What every answer has: origins, compression, the documentation page.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use super::fixture::{MODEL, Node, node};

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
        for (front, status) in [(&node.clients, of_clients), (&node.others, of_others)] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = front.answer(request).await;
            assert_eq!(answer.status().as_u16(), status, "{method} {path}");
            assert!(answer.headers().contains_key("x-request-id"), "{method} {path}");
        }
    }
}

/// What is answered to a call by the front and by the router; apart from ids, from what is for web pages alone, and from the
/// length, which a server adds.
async fn answers(node: &Node, ask: impl Fn() -> Request<Body>) -> [(u16, Vec<String>, String); 2] {
    let straight = node.front.answer(ask()).await;
    let routed = node.router.clone().oneshot(ask()).await.unwrap();
    let mut told = Vec::new();
    for answer in [straight, routed] {
        let (head, body) = answer.into_parts();
        let names = head.headers.keys().map(ToString::to_string);
        let is_left_out = |name: &String| {
            name.starts_with("access-control-") || ["vary", "content-length"].contains(&name.as_str())
        };
        let mut names: Vec<_> = names.filter(|name| !is_left_out(name)).collect();
        names.sort();
        let body = body.collect().await.unwrap().to_bytes();
        told.push((head.status.as_u16(), names, String::from_utf8(body.to_vec()).unwrap()));
    }
    told.try_into().unwrap()
}

#[tokio::test]
async fn a_call_that_passes_the_router_by_is_answered_as_the_router_would() {
    let node = node().await;
    node.channel().await;
    let made = node.made("/api/v1/tokens", json!({"name": "t"})).await;
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let hello = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}).to_string();
    let nobody = "Bearer sk-nobody".to_owned();
    for (method, path, key, body, status) in [
        ("POST", "/v1/chat/completions", &key, hello.as_str(), 200),
        ("POST", "/v1/chat/completions?beta=true", &key, hello.as_str(), 200),
        ("POST", "/v1/chat/completions", &nobody, hello.as_str(), 401),
        ("POST", "/v1/chat/completions", &key, "{", 400),
        ("POST", "/v1/completions", &key, r#"{"model": "unknown", "prompt": "a"}"#, 404),
        ("POST", "/v1/embeddings", &nobody, "{}", 401),
        ("POST", "/v1/embeddings/", &key, "{}", 404),
        ("GET", "/v1/chat/completions", &key, "", 405),
    ] {
        let ask = || {
            let request = Request::builder().method(method).uri(path).header("authorization", key);
            request.body(Body::from(body.to_owned())).unwrap()
        };
        let [straight, routed] = answers(&node, ask).await;
        assert_eq!(straight, routed, "{method} {path}");
        assert_eq!(straight.0, status, "{method} {path}: {}", straight.2);
        assert!(straight.1.contains(&"x-request-id".to_owned()));
    }
    let metrics = node.ask("GET", "/metrics").await_answer().await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let line = "veloera_http_requests_total{method=\"POST\",route=\"/v1/chat/completions\",status=\"200\"} 4";
    assert!(metrics.lines().any(|said| said == line), "{metrics}");
}

#[tokio::test]
async fn a_web_page_that_makes_a_call_is_told_that_it_may_read_the_answer() {
    let node = node().await;
    let ask =
        node.ask("POST", "/v1/chat/completions").header("origin", "https://app.example").json(json!({}));
    let answer = ask.await_answer().await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (401, "https://app.example")
    );
}
