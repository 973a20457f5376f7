//! What was said of accounts, for nodes that hold something of them: a closed one must not be served from leases, and one
//! that was paid into must not be refused for what it lacked before.

use std::collections::HashSet;

use domain::{AccountId, Log};
use eventlog::{EventLog, StoreError};

use crate::port::{News, NewsError};

/// After these, what is held of an account may not be spent any more.
const STOPPING: [&str; 2] = ["account_closed", LIMITED];
/// After these, more may be had of an account than before.
const RAISING: [&str; 7] = [
    "account_opened",
    "account_deposited",
    "account_adjusted",
    LIMITED,
    "account_reopened",
    "lease_released",
    "lease_closed",
];
const LIMITED: &str = "account_limit_changed";
/// After this, more may be had of the accounts that it names inside.
const REFUNDING: &str = "usage_reconciled";

pub(super) async fn news(log: &EventLog, after: Option<u64>) -> Result<News, NewsError> {
    let mut heads = log.subscribe();
    let now = heads.borrow_and_update().ledger;
    // What came before is not known; and where the ledger has fallen back behind it, neither is what was.
    let Some(after) = after.filter(|after| *after <= now) else {
        return Ok(News { head: now, ..News::default() });
    };
    let moved = heads.wait_for(|heads| heads.ledger != after).await;
    let head = moved.map_err(|_| NewsError::Ended)?.ledger;
    said(log, after, head).await.map_err(|error| NewsError::Unavailable(error.to_string()))
}

async fn said(log: &EventLog, after: u64, head: u64) -> Result<News, StoreError> {
    let types: Vec<&str> = STOPPING.into_iter().chain(RAISING).chain([REFUNDING]).collect();
    let (mut stopped, mut raised) = (HashSet::new(), Some(HashSet::new()));
    for happened in log.reader().happened(Log::Ledger, after, &types).await? {
        let event_type = happened.event_type.as_str();
        if event_type == REFUNDING {
            raised = None;
        }
        let Ok(account_id) = happened.id().parse::<AccountId>() else { continue };
        if STOPPING.contains(&event_type) {
            stopped.insert(account_id);
        }
        if let Some(raised) = raised.as_mut().filter(|_| RAISING.contains(&event_type)) {
            raised.insert(account_id);
        }
    }
    Ok(News { head, stopped, raised })
}
