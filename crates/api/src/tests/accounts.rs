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
