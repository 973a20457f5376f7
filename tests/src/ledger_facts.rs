//! What the ledger says happened, read as an auditor reads it.

use domain::account::{AccountEvent, Deduction, Flag};
use serde_json::Value;

use crate::Admin;

const PAGE: usize = 1_000;
const PAGES_MAX: usize = 1_000;

/// Every event of `log`, whose positions must be without gaps.
pub async fn events(admin: &Admin, log: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = admin.get(&format!("/events?log={log}&after={}&limit={PAGE}", all.len())).await;
        let items = page["items"].as_array().expect("a page has items");
        for event in items {
            all.push(event.clone());
            assert_eq!(event["position"], all.len(), "the log {log} has a gap");
        }
        if items.len() < PAGE {
            return all;
        }
    }
    panic!("the log {log} does not end");
}

/// Every charge, in the order of the log.
pub async fn charges(admin: &Admin) -> Vec<Deduction> {
    let events = events(admin, "ledger").await;
    events
        .into_iter()
        .filter(|event| event["event_type"] == "quota_deducted")
        .map(|mut event| match serde_json::from_value(event["payload"].take()) {
            Ok(AccountEvent::QuotaDeducted(deduction)) => *deduction,
            other => panic!("no charge: {other:?}"),
        })
        .collect()
}

/// Whether the charge says that nobody knows what the call came to.
pub fn is_in_doubt(deduction: &Deduction) -> bool {
    deduction.flags.contains(&Flag::InDoubt)
}
