//! The usage log, which follows the ledger at a distance.

use domain::{
    AccountId, Log, StoredEvent, UserId,
    account::{AccountEvent, AttemptOutcome},
};
use eventlog::{Metadata, NewEvent, StreamAppend};
use serde_json::Value;

use super::fixture::{Node, node};

/// Charges a call to someone, as ingest would, and answers with how far the ledger has come.
async fn charged(node: &Node, user_id: UserId, account_id: AccountId) -> String {
    let sample = AccountEvent::samples().into_iter().find_map(|event| match event {
        AccountEvent::QuotaDeducted(deduction) => Some(deduction),
        _ => None,
    });
    let mut deduction = sample.unwrap();
    deduction.user_id = user_id;
    for attempt in &mut deduction.attempts {
        attempt.outcome = AttemptOutcome::Billed;
    }
    let event = NewEvent::of(&AccountEvent::QuotaDeducted(deduction)).unwrap();
    let stream = format!("account:{account_id}");
    let append = StreamAppend { log: Log::Ledger, stream, expected: None, events: vec![event], trace: None };
    let appended = node.log.transact::<_, domain::Refusal, _>(Metadata::default(), move |tx| {
        Box::pin(async move { Ok(tx.append(vec![append]).await?) })
    });
    appended.await.unwrap().1.to_string()
}

async fn calls(node: &Node, admin_key: &str, query: &str, position: &str) -> Value {
    let ask = node.ask("GET", &format!("/api/v1/calls{query}")).bearer(admin_key);
    let answered = ask.header("if-position-at-least", position).await_answer().await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.json()["items"].clone()
}

#[tokio::test]
async fn a_call_is_listed_once_its_position_is_asked_for() {
    let node = node().await;
    let position = charged(&node, node.ada.user_id, node.ada.account_id).await;
    let listed = calls(&node, &node.root.admin_key, "", &position).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["user_id"], node.ada.user_id.to_string());
    assert!(listed[0]["channel_id"].is_string() && listed[0]["amount_nanos"].is_u64(), "{listed}");
}

#[tokio::test]
async fn a_user_sees_their_own_calls_and_not_which_channel_answered() {
    let node = node().await;
    let position = charged(&node, node.ada.user_id, node.ada.account_id).await;
    let own = calls(&node, &node.ada.admin_key, "", &position).await;
    assert_eq!((own.as_array().unwrap().len(), &own[0]["channel_id"]), (1, &Value::Null));
    let query = format!("?user_id={}", node.ada.user_id);
    for query in ["", &query] {
        assert_eq!(
            calls(&node, &node.bob.admin_key, query, &position).await,
            Value::Array(Vec::new()),
            "{query}"
        );
    }
    let channel = "/api/v1/calls?channel_id=0199a1b2-0000-7000-8000-000000000000";
    let answered = node.ask("GET", channel).by(&node.ada).await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (403, "forbidden"));
}
