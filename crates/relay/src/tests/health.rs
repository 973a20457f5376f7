use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    provider::{
        Act, DONE, FINISH, Provider, STREAM_USAGE, USAGE, completion, delta, good_stream, send, status,
        stream_head,
    },
    rig::{Rig, STREAM, WHOLE, route},
};
use crate::{CallError, RelayConfig, Retry, Route};

fn one(provider: &Provider) -> Vec<Route> {
    vec![route("openai_compatible", Some(format!("http://{}", provider.address)), 0)]
}

fn good() -> Vec<Act> {
    vec![status(200, "", &completion("hi", USAGE))]
}

fn asked(rig: &Rig) -> usize {
    rig.provider.requests.lock().len()
}

/// The next call is another one: the recorder would take it for the same.
async fn ask(rig: &Rig, body: &str) -> Result<String, CallError> {
    rig.ledger.records.lock().clear();
    match rig.chat(body).await {
        Ok(answer) => Ok(super::rig::text(answer).await),
        Err(error) => Err(error),
    }
}

#[tokio::test]
async fn a_channel_that_keeps_failing_is_left_alone_and_probed_by_one_call_at_a_time() {
    let mut scripts = vec![vec![status(500, "", "{}")]; 5];
    scripts.push(good());
    let rig = Rig::over(scripts, RelayConfig::default(), one).await;
    for _ in 0..5 {
        assert!(matches!(ask(&rig, WHOLE).await.unwrap_err(), CallError::Upstream));
    }
    let error = ask(&rig, WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.code().code()), (503, "service_unavailable"));
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(5)));
    assert_eq!(*rig.ledger.records.lock(), ["reserve 1011 Whole input 11", "void"], "nothing was sent");
    assert_eq!(asked(&rig), 5);
    rig.boot_ms.fetch_add(5_000, Ordering::SeqCst);
    ask(&rig, WHOLE).await.unwrap();
}

#[tokio::test]
async fn a_limited_channel_is_not_asked_before_it_said_and_the_client_is_told() {
    let limited = vec![status(429, "retry-after: 9\r\n", "{}")];
    let rig = Rig::over(vec![limited, good()], RelayConfig::default(), one).await;
    for _ in 0..3 {
        let error = ask(&rig, WHOLE).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.retry()), (429, Retry::After(Duration::from_secs(9))));
    }
    assert_eq!(asked(&rig), 1);
    rig.boot_ms.fetch_add(9_000, Ordering::SeqCst);
    ask(&rig, WHOLE).await.unwrap();
}

#[tokio::test]
async fn a_busy_provider_that_says_when_to_come_back_is_asked_then() {
    let busy = vec![status(503, "retry-after: 4\r\n", "{}")];
    let rig = Rig::over(vec![busy, good()], RelayConfig::default(), one).await;
    assert!(ask(&rig, WHOLE).await.is_err());
    assert_eq!(ask(&rig, WHOLE).await.unwrap_err().retry(), Retry::After(Duration::from_secs(4)));
    rig.boot_ms.fetch_add(4_000, Ordering::SeqCst);
    ask(&rig, WHOLE).await.unwrap();
}

#[tokio::test]
async fn a_channel_whose_only_key_is_refused_is_reported_and_comes_back_with_a_probe() {
    let rig = Rig::over(vec![vec![status(401, "", "{}")]], RelayConfig::default(), one).await;
    assert_eq!(ask(&rig, WHOLE).await.unwrap_err().status(), 502);
    assert_eq!(*rig.notes.0.lock(), ["disable 9"]);
    let rig = Rig::over(vec![good()], RelayConfig::default(), |provider| {
        one(provider).into_iter().map(Route::disabled).collect()
    })
    .await;
    ask(&rig, WHOLE).await.unwrap();
    assert_eq!(*rig.notes.0.lock(), ["enable 9"]);
}

#[tokio::test]
async fn a_clients_own_faults_leave_a_channel_well() {
    let scripts = vec![vec![status(400, "", "{}")]; 30].into_iter().chain([good()]);
    let rig = Rig::over(scripts.collect(), RelayConfig::default(), one).await;
    for _ in 0..30 {
        assert_eq!(ask(&rig, WHOLE).await.unwrap_err().status(), 400);
    }
    ask(&rig, WHOLE).await.unwrap();
}

#[tokio::test]
async fn streams_that_are_cut_count_as_failures_and_streams_that_end_as_none() {
    let cut = vec![stream_head(), send(&delta("hel"))];
    let mut scripts = vec![good_stream(); 4];
    scripts.extend(vec![cut; 5]);
    let rig = Rig::over(scripts, RelayConfig::default(), one).await;
    for _ in 0..9 {
        ask(&rig, STREAM).await.unwrap();
    }
    assert!(matches!(ask(&rig, STREAM).await.unwrap_err(), CallError::Resting { .. }));
}

#[tokio::test]
async fn a_client_that_leaves_says_nothing_about_the_provider() {
    let go = Arc::new(tokio::sync::Notify::new());
    let rest = [FINISH, STREAM_USAGE, DONE].concat();
    let long = vec![stream_head(), send(&delta("hel")), Act::Await(Arc::clone(&go)), send(&rest)];
    let rig = Rig::over(vec![long, good_stream()], RelayConfig::default(), one).await;
    drop(rig.chat(STREAM).await.unwrap());
    go.notify_one();
    assert_eq!(rig.records().await.last().unwrap(), "settle 10+5 for 60 [ClientLeft]");
    ask(&rig, STREAM).await.unwrap();
}
