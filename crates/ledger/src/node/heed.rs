//! Heeding what is said of accounts: a closed one must not be served from the leases that are held here, and one that
//! was paid into must not be refused for what it lacked before.

use std::{sync::Arc, time::Duration};

use domain::AccountId;

use super::Node;
use crate::{
    port::{News, NewsError},
    step::Input,
};

/// How long to wait after the ledger was away.
const PAUSE: Duration = Duration::from_millis(500);

impl Node {
    /// Gives back what is held of accounts that are closed or limited anew, until the ledger ends.
    pub async fn heed(self: Arc<Self>) {
        let mut after = None;
        loop {
            match self.port.news(after).await {
                Ok(News { head, stopped, raised }) => {
                    self.give_back(stopped.into_iter().collect());
                    self.lending.denials.heed(raised.as_ref(), head);
                    after = Some(head);
                }
                Err(NewsError::Ended) => return,
                Err(error @ NewsError::Unavailable(_)) => {
                    tracing::error!(%error, "what was said of accounts is not known; trying again");
                    tokio::time::sleep(PAUSE).await;
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
        self.hurry.notify_one();
    }
}
