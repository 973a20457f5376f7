use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Notify};

use super::{
    provider::{Act, USAGE, completion, good_stream, status},
    rig::{RESERVE_WHOLE, Rig, STREAM, WHOLE, route},
};
use crate::{CallError, RelayConfig, Retry};

/// Where nobody listens.
async fn nowhere() -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Some(format!("http://{}", listener.local_addr().unwrap()))
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_owed_and_the_next_answers() {
    let nowhere = nowhere().await;
    let rig = Rig::over(vec![good_stream()], RelayConfig::default(), |provider| {
        let there = Some(format!("http://{}", provider.address));
        vec![route("openai_compatible", nowhere, 0), route("openai_compatible", there, 1)]
    })
    .await;
    rig.text(STREAM).await;
    assert_eq!(
        rig.records().await[1..],
        ["sent 1 up", "ended 1 Unbilled", "sent 2 up", "ended 2 Billed", "settle 10+5 for 60 []"]
    );
}

#[tokio::test]
async fn a_failure_may_have_been_billed_and_the_next_answers() {
    let good = status(200, "", &completion("hi", USAGE));
    let rig = Rig::new(vec![vec![status(500, "", "{}")], vec![good]]).await;
    rig.text(WHOLE).await;
    assert_eq!(
        rig.records().await,
        [
            RESERVE_WHOLE,
            "sent 1 up",
            "ended 1 Unknown",
            "sent 2 up",
            "ended 2 Billed",
            "settle 10+5 for 60 []"
        ]
    );
}

#[tokio::test]
async fn when_all_fail_the_customer_pays_nothing_and_the_operator_sees_it() {
    let rig = Rig::new(vec![vec![status(500, "", "{}")], vec![status(401, "", "{}")]]).await;
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert!(matches!(error, CallError::Upstream));
    assert_eq!(
        rig.records().await[2..],
        ["ended 1 Unknown", "sent 2 up", "ended 2 Unbilled", "settle 0+0 for 0 [Unanswered]"]
    );
}

#[tokio::test]
async fn when_nobody_billed_the_call_is_void() {
    let rig = Rig::new(vec![vec![status(403, "", "{}")], vec![status(404, "", "{}")]]).await;
    assert_eq!(rig.chat(WHOLE).await.unwrap_err().status(), 502);
    assert_eq!(rig.records().await.last().unwrap(), "void");
}

#[tokio::test]
async fn limited_channels_tell_the_client_when_to_come_back() {
    let limited = |seconds: &str| vec![status(429, &format!("retry-after: {seconds}\r\n"), "{}")];
    let rig = Rig::new(vec![limited("9"), limited("7")]).await;
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.retry()), (429, Retry::After(Duration::from_secs(7))));
    assert_eq!(rig.records().await.last().unwrap(), "void");
}

#[tokio::test]
async fn the_clients_own_fault_is_told_in_the_providers_words_and_tried_once() {
    let body = r#"{"error":{"message":"temperature is too high"}}"#;
    let rig = Rig::new(vec![vec![status(422, "", body)], good_stream()]).await;
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.to_string().as_str()), (422, "temperature is too high"));
    assert_eq!(rig.records().await, [RESERVE_WHOLE, "sent 1 up", "ended 1 Unbilled", "void"]);
}

#[tokio::test]
async fn a_stall_before_the_first_byte_is_answered_by_another() {
    let stall = vec![Act::Await(Arc::new(Notify::new()))];
    let config = RelayConfig { first_byte_timeout_ms: 300, ..RelayConfig::default() };
    let rig = Rig::over(vec![stall, good_stream()], config, |provider| {
        let url = || Some(format!("http://{}", provider.address));
        vec![route("openai_compatible", url(), 0), route("openai_compatible", url(), 1)]
    })
    .await;
    rig.text(STREAM).await;
    assert_eq!(rig.records().await[2..4], ["ended 1 Unknown", "sent 2 up"]);
}

#[tokio::test]
async fn a_connection_that_breaks_without_an_answer_may_have_been_billed() {
    let rig = Rig::new(vec![Vec::new(), Vec::new()]).await;
    assert_eq!(rig.chat(WHOLE).await.unwrap_err().status(), 502);
    assert_eq!(rig.records().await.last().unwrap(), "settle 0+0 for 0 [Unanswered]");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let there = "location: http://169.254.169.254/\r\n";
    let rig = Rig::new(vec![vec![status(307, there, "")], vec![status(308, there, "")]]).await;
    assert_eq!(rig.chat(WHOLE).await.unwrap_err().status(), 502);
    assert_eq!(rig.provider.requests.lock().len(), 2);
}

#[tokio::test]
async fn a_metadata_address_is_never_connected_to() {
    let metadata = Some("http://169.254.169.254/v1".to_owned());
    let rig =
        Rig::over(Vec::new(), RelayConfig::default(), |_| vec![route("openai_compatible", metadata, 0)])
            .await;
    assert_eq!(rig.chat(WHOLE).await.unwrap_err().status(), 502);
    assert_eq!(rig.records().await[1..], ["sent 1 up", "ended 1 Unbilled", "void"]);
}
