//! Requests that are not what they seem.

use axum::http::{HeaderMap, Method};
use cluster::{Nonce, Signature, protocol::WINDOW_MS};
use domain::TimeStamp;
use eventlog::Clock;

use super::{super::fixture::Answered, rig::Rig};

const BODY: &str = r#"{"log":"control","position":1}"#;
const TARGET: &str = "/sync/applied";

impl Rig {
    /// What the node called `name` would sign.
    fn signed(&self, name: &str, at: TimeStamp) -> HeaderMap {
        let nonce = Nonce::random().unwrap();
        let signature =
            Signature::of(&self.identity(name), at, nonce, &Method::POST, TARGET, BODY.as_bytes());
        signature.headers().into_iter().collect()
    }

    async fn sent(&self, headers: &HeaderMap, target: &str, body: &str) -> Answered {
        let mut ask = self.node.ask("POST", target).text(body);
        for (name, value) in headers {
            ask = ask.header(name.as_str(), value);
        }
        ask.await_answer().await
    }

    fn now(&self) -> TimeStamp {
        Clock::now(&*self.node.clock)
    }
}

#[track_caller]
fn refused(answered: &Answered, why: &str) {
    assert_eq!(answered.status, 401, "{answered:?}");
    let detail = answered.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(why), "{detail}");
    // A refusal is marked as well.
    assert_eq!(answered.header("veloera-mark").len(), 64);
}

#[tokio::test]
async fn a_request_that_nobody_signed_reaches_nothing() {
    let rig = Rig::new().await;
    rig.enrolled().await;
    let good = rig.signed("one", rig.now());
    for (method, path) in [
        ("GET", "/sync/snapshot"),
        ("GET", "/sync/events?log=control&after=0&limit=1"),
        ("GET", "/sync/accounts"),
        ("GET", "/sync/journals/00000000-0000-7000-8000-000000000007"),
        ("GET", "/sync/journals/00000000-0000-7000-8000-000000000007/recalls"),
        ("POST", "/sync/journals/00000000-0000-7000-8000-000000000007/records"),
        ("POST", "/sync/leases"),
        ("POST", "/sync/applied"),
        ("POST", "/sync/channels/00000000-0000-7000-8000-000000000007/health"),
    ] {
        let answered = rig.node.ask(method, path).await_answer().await;
        refused(&answered, "`veloera-node` is missing");
    }
    for name in ["veloera-node", "veloera-signed-at", "veloera-nonce", "veloera-signature"] {
        let mut headers = good.clone();
        headers.insert(axum::http::HeaderName::from_static(name), "?".parse().unwrap());
        refused(&rig.sent(&headers, TARGET, BODY).await, name);
    }
    assert_eq!(rig.sent(&good, TARGET, BODY).await.status, 204);
}

#[tokio::test]
async fn nobody_signs_in_another_nodes_name() {
    let rig = Rig::new().await;
    rig.enrolled_as("one").await;
    rig.enrolled_as("other").await;
    let mut forged = rig.signed("other", rig.now());
    forged.insert("veloera-node", rig.identity("one").node_id().to_string().parse().unwrap());
    refused(&rig.sent(&forged, TARGET, BODY).await, "not that of this request");
    let unknown = rig.signed("nobody", rig.now());
    refused(&rig.sent(&unknown, TARGET, BODY).await, "not enrolled");
}

#[tokio::test]
async fn a_signature_is_of_one_request() {
    let rig = Rig::new().await;
    rig.enrolled().await;
    let signed = rig.signed("one", rig.now());
    for (target, body) in
        [(TARGET, r#"{"log":"control","position":2}"#), ("/sync/applied?again", BODY), ("/sync/leases", BODY)]
    {
        refused(&rig.sent(&signed, target, body).await, "not that of this request");
    }
    for (name, value) in [
        ("veloera-nonce", "00".repeat(16)),
        ("veloera-signed-at", {
            let later = rig.now().micros() / 1_000 + 1_000;
            later.to_string()
        }),
    ] {
        let mut changed = signed.clone();
        changed.insert(axum::http::HeaderName::from_static(name), value.parse().unwrap());
        refused(&rig.sent(&changed, TARGET, BODY).await, "not that of this request");
    }
    assert_eq!(rig.sent(&signed, TARGET, BODY).await.status, 204);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_refused() {
    let rig = Rig::new().await;
    rig.enrolled().await;
    let signed = rig.signed("one", rig.now());
    assert_eq!(rig.sent(&signed, TARGET, BODY).await.status, 204);
    refused(&rig.sent(&signed, TARGET, BODY).await, "sent before");
    // Nor when it could have been forgotten: then its time is over.
    rig.node.clock.advance_minutes(1);
    refused(&rig.sent(&signed, TARGET, BODY).await, "set the clocks");
    assert_eq!(rig.sent(&rig.signed("one", rig.now()), TARGET, BODY).await.status, 204);
}

#[tokio::test]
async fn a_clock_may_be_off_by_a_minute_and_no_more() {
    let rig = Rig::new().await;
    rig.enrolled().await;
    let second = 1_000;
    for (at, status) in [
        (rig.now().minus_ms(WINDOW_MS - second), 204),
        (rig.now().plus_ms(WINDOW_MS - second), 204),
        (rig.now().minus_ms(WINDOW_MS + second), 401),
        (rig.now().plus_ms(WINDOW_MS + second), 401),
    ] {
        assert_eq!(rig.sent(&rig.signed("one", at), TARGET, BODY).await.status, status, "{at}");
    }
}

#[tokio::test]
async fn what_was_signed_ahead_of_time_is_remembered_until_its_time_is_over() {
    let rig = Rig::new().await;
    rig.enrolled().await;
    let ahead = rig.signed("one", rig.now().plus_ms(WINDOW_MS - 1_000));
    assert_eq!(rig.sent(&ahead, TARGET, BODY).await.status, 204);
    rig.node.clock.advance_minutes(1);
    // Others make room for themselves meanwhile.
    assert_eq!(rig.sent(&rig.signed("one", rig.now()), TARGET, BODY).await.status, 204);
    refused(&rig.sent(&ahead, TARGET, BODY).await, "sent before");
}
