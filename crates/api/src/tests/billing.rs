use serde_json::{Value, json};

use super::fixture::{Answered, Node, node};

const USD: i64 = 1_000_000_000;

async fn ask(node: &Node, path: &str, key: &str) -> Answered {
    node.ask("GET", path).bearer(key).await_answer().await
}

async fn limit(node: &Node, key: &str) -> Value {
    ask(node, "/v1/dashboard/billing/subscription", key).await.json()
}

async fn key(node: &Node, body: Value) -> String {
    node.ask("POST", "/api/v1/tokens").by(&node.ada).json(body).await_answer().await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_key_is_told_its_own_quota_or_else_what_its_account_has() {
    let node = node().await;
    let account = format!("/api/v1/accounts/{}", node.ada.account_id);
    let paid_in = json!({"amount_nanos": 20 * USD, "reason": "invoice 1"});
    node.ask("POST", &format!("{account}/deposits")).by(&node.admin).json(paid_in).await_answer().await;
    let free = key(&node, json!({"name": "free"})).await;
    let expires_at = "2027-01-01T00:00:00Z";
    let bound = json!({"name": "bound", "quota_nanos": 5 * USD, "expires_at": expires_at});
    let bound = key(&node, bound).await;

    let told = limit(&node, &free).await;
    let expected = json!({
        "object": "billing_subscription", "has_payment_method": true, "soft_limit_usd": 20.0,
        "hard_limit_usd": 20.0, "system_hard_limit_usd": 20.0, "access_until": 0
    });
    assert_eq!(told, expected);
    let told = limit(&node, &bound).await;
    assert_eq!((&told["hard_limit_usd"], &told["access_until"]), (&json!(5.0), &json!(1_798_761_600)));
    let spent = ask(&node, "/v1/dashboard/billing/usage?start_date=2026-01-01", &bound).await.json();
    assert_eq!(spent, json!({"object": "list", "total_usage": 0.0}));

    for (limit_set, usd) in [(json!({"credit_nanos": 2 * USD}), 22.0), (json!("unlimited"), 100_000_000.0)] {
        node.ask("PATCH", &account).by(&node.root).json(json!({"limit": limit_set})).await_answer().await;
        assert_eq!(limit(&node, &free).await["hard_limit_usd"], usd);
    }
}

#[tokio::test]
async fn balances_are_shown_to_nobody_without_a_key_and_wherever_clients_look_for_them() {
    let node = node().await;
    let key = key(&node, json!({"name": "t"})).await;
    for prefix in ["", "/v1"] {
        for what in ["subscription", "usage"] {
            let path = format!("{prefix}/dashboard/billing/{what}");
            assert_eq!(ask(&node, &path, &key).await.status, 200, "{path}");
            let refused = ask(&node, &path, "sk-nobody").await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_str()),
                (401, "invalid_api_key"),
                "{path}"
            );
        }
    }
}
