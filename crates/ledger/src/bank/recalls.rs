//! Asking other nodes for quota that none of their calls needs.

use domain::{AccountId, JournalId};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::{broadcast, watch};

/// The most recalls that a node may be behind. What it misses costs a refusal, and no more.
const BEHIND_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Recall {
    account_id: AccountId,
    /// Who would be refused: its own quota it looks after itself.
    asker: JournalId,
}

pub(super) struct Recalls {
    told: broadcast::Sender<Recall>,
    freed: watch::Sender<u64>,
}

impl Recalls {
    pub(super) fn new() -> Self {
        Self { told: broadcast::Sender::new(BEHIND_MAX), freed: watch::Sender::new(0) }
    }

    /// Tells every node but the one that asks; `false` where nobody listens, and so nobody will give anything back.
    pub(super) fn tell(&self, account_id: AccountId, asker: JournalId) -> bool {
        self.told.send(Recall { account_id, asker }).is_ok()
    }

    /// Quota has come home.
    pub(super) fn freed(&self) {
        self.freed.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Wakes when quota comes home.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.freed.subscribe()
    }

    /// The accounts whose quota others would like to have, as they are told.
    pub(super) fn of(&self, journal_id: JournalId) -> BoxStream<'static, AccountId> {
        let told = stream::unfold(self.told.subscribe(), |mut told| async {
            loop {
                match told.recv().await {
                    Ok(recall) => return Some((recall, told)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "recalls came faster than they were heeded");
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        let theirs = move |recall: Recall| (recall.asker != journal_id).then_some(recall.account_id);
        told.filter_map(move |recall| std::future::ready(theirs(recall))).boxed()
    }
}
