//! Opening a node: what a process before it left behind is brought to its end first.

use std::sync::{Arc, atomic::AtomicBool};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Node, NodeClock, NodeError, NodeOptions, lend::Lending, upload, write::Inner};
use crate::{journal::Journal, port::LedgerPort, record::Record, step::Replay};

impl Node {
    /// Opens the journal, ends the calls that a dead process left open, brings everything home and gives back the
    /// leases that it held.
    ///
    /// # Errors
    /// When the journal cannot be used, or the ledger does not take it in.
    pub async fn open(
        options: NodeOptions,
        port: Arc<dyn LedgerPort>,
        clock: Arc<dyn NodeClock>,
    ) -> Result<Arc<Self>, NodeError> {
        let mut replay = Replay::default();
        let mut journal =
            Journal::open(&options.dir, options.new_journal_id, options.segment_bytes, |_, record| {
                replay.take(record);
            })?;
        let journal_id = journal.id();
        let cursor = port.cursor(journal_id).await?.cursor;
        // Before anything is added: a disk that was rolled back could catch up with the ledger's count by that.
        let place = upload::place_of(&journal, cursor)?;
        for ending in replay.endings(&options.boot_id, clock.wall()) {
            journal.append(&ending)?;
        }
        let inner = Inner::start(journal, options.boot_id, clock.wall())?;
        let node = Arc::new(Self {
            inner: Mutex::new(inner),
            journal_id,
            port,
            clock,
            broken: AtomicBool::new(false),
            lending: Lending::new(options.recall_max),
            ingested: watch::Sender::new(cursor.seq),
            place: tokio::sync::Mutex::new(Some(place)),
        });
        node.upload().await?;
        // Only now: a lease that is given back before its charges have arrived would make them late.
        for (account_id, lease_id) in node.port.open_leases(journal_id).await? {
            node.inner.lock().write(Record::Close { account_id, lease_id })?;
        }
        node.upload().await?;
        Ok(node)
    }
}
