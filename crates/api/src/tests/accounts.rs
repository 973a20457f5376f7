use serde_json::{Value, json};

use super::fixture::{Answered, Node, node};

async fn post(node: &Node, what: &str, body: Value) -> Answered {
    let path = format!("/api/v1/accounts/{}/{what}", node.ada.account_id);
    node.ask("POST", &path).by(&node.admin).json(body).await_answer().await
}

#[tokio::test]
async fn money_moves_as_asked_and_the_sums_say_so() {
    let node = node().await;
    post(&node, "deposits", json!({"amount_nanos": 100, "reason": "invoice 1"})).await;
    post(&node, "adjustments", json!({"kind": "credit", "amount_nanos": 20, "reason": "gift"})).await;
    post(&node, "adjustments", json!({"kind": "debit", "amount_nanos": 50, "reason": "paid twice"})).await;
    let last =
        post(&node, "adjustments", json!({"kind": "chargeback", "amount_nanos": 90, "reason": "bank"})).await;
    let view = last.json();
    assert_eq!((&view["kind"], &view["amount_nanos"]), (&json!("chargeback"), &json!(90)));
    let sums =
        ["credit_nanos", "debit_nanos", "posted_nanos", "refunded_nanos", "pending_nanos", "available_nanos"];
    assert_eq!(sums.map(|sum| view["account"][sum].as_i64().unwrap()), [120, 140, 0, 0, 0, -20]);
    assert!(last.header("veloera-position").starts_with("ledger:"), "{last:?}");
}

#[tokio::test]
async fn a_debit_takes_no_more_than_there_is() {
    let node = node().await;
    let answered =
        post(&node, "adjustments", json!({"kind": "debit", "amount_nanos": 1, "reason": "x"})).await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (409, "insufficient_funds"));
    let nothing = post(&node, "deposits", json!({"amount_nanos": 0, "reason": "x"})).await;
    assert_eq!((nothing.status.as_u16(), nothing.code().as_str()), (422, "invalid_value"));
    let unsaid = post(&node, "deposits", json!({"amount_nanos": 1, "reason": ""})).await;
    assert_eq!((unsaid.status.as_u16(), unsaid.code().as_str()), (422, "invalid_value"));
}

#[tokio::test]
async fn an_account_is_limited_closed_and_opened_again() {
    let node = node().await;
    let path = format!("/api/v1/accounts/{}", node.ada.account_id);
    let patch =
        async |body: Value| node.ask("PATCH", &path).by(&node.root).json(body).await_answer().await.json();
    assert_eq!(patch(json!({"limit": {"credit_nanos": 7}})).await["limit"], json!({"credit_nanos": 7}));
    assert_eq!(patch(json!({"limit": "unlimited"})).await["limit"], "unlimited");
    assert_eq!(patch(json!({"limit": "prepaid", "status": "closed"})).await["status"], "closed");
    let refused = post(&node, "deposits", json!({"amount_nanos": 1, "reason": "x"})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "account_closed"));
    assert_eq!(patch(json!({"status": "open"})).await["status"], "open");
    assert_eq!(patch(json!({"limit": {"credit_nanos": -7}})).await["code"], "invalid_body");
}

#[tokio::test]
async fn the_ledger_tells_what_happened_newest_first_and_in_pages() {
    let node = node().await;
    post(&node, "deposits", json!({"amount_nanos": 100, "reason": "invoice 1"})).await;
    post(&node, "adjustments", json!({"kind": "debit", "amount_nanos": 30, "reason": "paid twice"})).await;
    let path = format!("/api/v1/accounts/{}/ledger", node.ada.account_id);
    let read = async |by, query: &str| {
        node.ask("GET", &format!("{path}?{query}")).by(by).await_answer().await.json()
    };
    let all = read(&node.root, "").await;
    let told =
        |entry: &Value| (entry["kind"].clone(), entry["amount_nanos"].clone(), entry["reason"].clone());
    let entries: Vec<_> = all["items"].as_array().unwrap().iter().map(told).collect();
    let expected = [
        (json!("debit"), json!(-30), json!("paid twice")),
        (json!("deposit"), json!(100), json!("invoice 1")),
        (json!("opened"), json!(0), Value::Null),
    ];
    assert_eq!(entries, expected);
    assert_eq!(all["items"][0]["actor"], node.admin.user_id.prefixed());
    let first = read(&node.ada, "limit=2").await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["items"][0]["actor"]), (2, &Value::Null));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = read(&node.ada, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!((&second["items"][0]["kind"], &second["next_cursor"]), (&json!("opened"), &Value::Null));
    assert_eq!(read(&node.bob, "").await["code"], "not_found");
}

#[tokio::test]
async fn a_charge_stands_in_the_ledger_with_its_call_and_leases_do_not() {
    let node = node().await;
    let samples = <domain::account::AccountEvent as domain::StoredEvent>::samples();
    let mut kinds = 0;
    for mut event in samples {
        if let domain::account::AccountEvent::QuotaDeducted(deduction) = &mut event {
            deduction.charges[0].account_id = node.ada.account_id;
        }
        let stored = eventlog::NewEvent::of(&event).unwrap();
        let stream = format!("account:{}", node.ada.account_id);
        let append = eventlog::StreamAppend {
            log: domain::Log::Ledger,
            stream,
            expected: None,
            events: vec![stored],
            trace: None,
        };
        let appended = node.log.transact::<_, domain::Refusal, _>(eventlog::Metadata::default(), |tx| {
            Box::pin(async move { Ok(tx.append(vec![append]).await?) })
        });
        // What the account cannot take in is no fact of this test.
        kinds += usize::from(appended.await.is_ok());
    }
    let path = format!("/api/v1/accounts/{}/ledger", node.ada.account_id);
    let all = node.ask("GET", &path).by(&node.root).await_answer().await.json();
    let items = all["items"].as_array().unwrap();
    let charge = items.iter().find(|entry| entry["kind"] == "charge").unwrap();
    assert!(charge["call_id"].is_string() && charge["model"].is_string(), "{charge}");
    assert!(charge["amount_nanos"].as_i64().unwrap() < 0, "{charge}");
    assert!(items.len() < kinds, "leases are no entries");
}
