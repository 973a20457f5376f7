//! Heeding what is said of accounts while their quota is held here: a closed account must not be served from its leases.

use std::sync::Arc;

use domain::{AccountId, Log};
use eventlog::{EventLog, Filter, LogReader, PAGE_MAX, StoreError};

use super::Node;
use crate::step::Input;

/// After these, what is held of an account may not be spent any more.
const HEEDED: [&str; 2] = ["account_closed", "account_limit_changed"];

impl Node {
    /// Gives back what is held of accounts that are closed or limited anew, until the log ends.
    pub async fn heed(self: Arc<Self>, log: EventLog) {
        // Only the reader is kept: whoever waits for the log to end is not held up.
        let (reader, mut heads) = (log.reader().clone(), log.subscribe());
        drop(log);
        let mut after = heads.borrow_and_update().ledger;
        while heads.changed().await.is_ok() {
            let head = heads.borrow_and_update().ledger;
            match said(&reader, after).await {
                Ok(accounts) => {
                    after = head;
                    self.give_back(accounts);
                }
                Err(error) => {
                    tracing::error!(%error, "what was said of accounts cannot be read; trying again");
                }
            }
        }
    }

    pub(crate) fn give_back(&self, accounts: Vec<AccountId>) {
        // Of no account means of all, to a recall.
        if accounts.is_empty() {
            return;
        }
        if let Err(error) = self.take(Input::Recall { accounts }) {
            tracing::error!(%error, "quota was not given back");
        }
    }
}

/// The accounts of which something to heed was said after `after`.
async fn said(reader: &LogReader, after: u64) -> Result<Vec<AccountId>, StoreError> {
    let mut accounts = Vec::new();
    for event_type in HEEDED {
        let filter = Filter { event_type: Some(event_type.to_owned()), ..Filter::default() };
        let mut from = after;
        loop {
            let events = reader.search(Log::Ledger, from, PAGE_MAX, &filter).await?;
            accounts.extend(events.iter().filter_map(|event| event.id().parse::<AccountId>().ok()));
            match events.last() {
                Some(last) if events.len() == PAGE_MAX => from = last.position,
                Some(_) | None => break,
            }
        }
    }
    Ok(accounts)
}
