use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
    time::Duration,
};

use domain::account::AttemptOutcome;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};

use super::{
    UpstreamError, Verdict,
    egress::{allowed, is_forbidden, literal},
    refusal, retry_after,
};

async fn refused(status: u16) -> UpstreamError {
    let body = Full::from(r#"{"error":{"message":"so not"}}"#).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    refusal(response).await
}

#[tokio::test]
async fn each_status_is_sorted_by_what_is_done_next_and_what_it_may_cost() {
    for (statuses, verdict, outcome) in [
        (&[400, 409, 413, 415, 422][..], Verdict::GiveUp, AttemptOutcome::Unbilled),
        (&[401, 402, 403, 429], Verdict::TryOtherKey, AttemptOutcome::Unbilled),
        (&[301, 307, 404, 405, 408, 410], Verdict::TryElsewhere, AttemptOutcome::Unbilled),
        (&[500, 502, 503, 504, 529], Verdict::TryElsewhere, AttemptOutcome::Unknown),
    ] {
        for status in statuses {
            let error = refused(*status).await;
            assert_eq!((error.verdict(), error.outcome()), (verdict, outcome), "{status}");
        }
    }
}

#[tokio::test]
async fn a_refusal_keeps_the_providers_words() {
    let UpstreamError::Rejected { status, message } = refused(422).await else { panic!("not rejected") };
    assert_eq!((status.as_u16(), message.as_deref()), (422, Some("so not")));
}

#[test]
fn only_whole_seconds_are_a_pause() {
    let pause =
        |text| retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]));
    assert_eq!(pause("7"), Some(Duration::from_secs(7)));
    assert_eq!(pause("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    assert_eq!(pause("-1"), None);
}

#[test]
fn link_local_and_metadata_addresses_are_refused_in_every_spelling() {
    for address in ["169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"] {
        assert!(is_forbidden(address.parse().unwrap()), "{address}");
    }
    for address in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "1.1.1.1"] {
        assert!(!is_forbidden(address.parse().unwrap()), "{address}");
    }
    assert!(literal(&"http://[fe80::1]:80/v1".parse().unwrap()).is_some_and(is_forbidden));
    assert_eq!(literal(&"http://provider.example/v1".parse().unwrap()), None);
}

#[test]
fn a_name_keeps_the_addresses_that_may_be_connected_to() {
    let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let metadata: SocketAddr = "169.254.169.254:0".parse().unwrap();
    assert_eq!(allowed(vec![metadata, local]).unwrap(), [local]);
    assert!(allowed(vec![metadata]).unwrap_err().to_string().contains("169.254.169.254"));
}

/// Counts how often it was woken.
#[derive(Debug, Default)]
pub(super) struct Woken(AtomicUsize);

impl Woken {
    pub(super) fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
