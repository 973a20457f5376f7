//! Giving back what other nodes could use.

use std::sync::Arc;

use futures_util::StreamExt;

use super::Node;

impl Node {
    /// Gives back what no call here needs of accounts of which another node would be refused quota, as long as the
    /// ledger says so. The other node waits for it: it goes home at once.
    pub async fn answer_recalls(self: Arc<Self>) {
        let mut recalls = self.port.recalls(self.journal_id());
        while let Some(account_id) = recalls.next().await {
            self.give_back(vec![account_id]);
            self.upload_or_report().await;
        }
    }
}
