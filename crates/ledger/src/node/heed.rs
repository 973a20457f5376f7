//! Heeding what is said of accounts: a closed one must not be served from the leases that are held here, and one that
//! was paid into must not be refused for what it lacked before.

use std::{collections::HashSet, sync::Arc};

use domain::{AccountId, Log};
use eventlog::{EventLog, Filter, LogReader, PAGE_MAX, StoreError};

use super::Node;
use crate::step::Input;

/// After these, what is held of an account may not be spent any more.
const HEEDED: [&str; 2] = ["account_closed", "account_limit_changed"];
/// After these, more may be had of an account than before.
const RAISING: [&str; 7] = [
    "account_opened",
    "account_deposited",
    "account_adjusted",
    "account_limit_changed",
    "account_reopened",
    "lease_released",
    "lease_closed",
];
/// After this, more may be had of the accounts that it names inside.
const REFUNDING: &str = "usage_reconciled";

impl Node {
    /// Gives back what is held of accounts that are closed or limited anew, until the log ends.
    pub async fn heed(self: Arc<Self>, log: EventLog) {
        // Only the reader is kept: whoever waits for the log to end is not held up.
        let (reader, mut heads) = (log.reader().clone(), log.subscribe());
        drop(log);
        let mut after = heads.borrow_and_update().ledger;
        self.lending.denials.follow(heads.clone(), after);
        while heads.changed().await.is_ok() {
            let head = heads.borrow_and_update().ledger;
            match self.heed_page(&reader, after, head).await {
                Ok(()) => after = head,
                Err(error) => {
                    tracing::error!(%error, "what was said of accounts cannot be read; trying again");
                }
            }
        }
    }

    async fn heed_page(&self, reader: &LogReader, after: u64, head: u64) -> Result<(), StoreError> {
        self.give_back(said(reader, &HEEDED, after).await?.into_iter().collect());
        if !self.lending.denials.matter() {
            self.lending.denials.heed(None, head);
            return Ok(());
        }
        let refunds = !said(reader, &[REFUNDING], after).await?.is_empty();
        let raised = said(reader, &RAISING, after).await?;
        self.lending.denials.heed((!refunds).then_some(&raised), head);
        Ok(())
    }

    pub(crate) fn give_back(&self, accounts: Vec<AccountId>) {
        // Of no account means of all, to a recall.
        if accounts.is_empty() {
            return;
        }
        if let Err(error) = self.take(Input::Recall { accounts }) {
            tracing::error!(%error, "quota was not given back");
        }
        self.hurry.notify_one();
    }
}

/// The accounts in whose streams one of `types` stands after `after`.
async fn said(reader: &LogReader, types: &[&str], after: u64) -> Result<HashSet<AccountId>, StoreError> {
    let mut accounts = HashSet::new();
    for event_type in types {
        let filter = Filter { event_type: Some((*event_type).to_owned()), ..Filter::default() };
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
