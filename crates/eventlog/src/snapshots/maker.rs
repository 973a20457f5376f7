//! The task that makes snapshots, beside the one that appends.

use std::sync::Arc;

use domain::{Aggregate, Log};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Snapshot, Snapshots, fold, store};
use crate::{LogReader, Metadata, StoreError, Tx, appender::Job};

/// The largest state that is kept: reading more than this is no less work than folding.
const PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

type Made = Result<Option<Snapshot>, StoreError>;

/// A stream that a load has found long.
pub(crate) struct Due {
    log: Log,
    stream: String,
    make: fn(Snapshots, LogReader, String) -> BoxFuture<'static, Made>,
}

impl Due {
    pub(super) fn of<A: Aggregate>(stream: &str) -> Self {
        Self { log: A::LOG, stream: stream.to_owned(), make: make::<A> }
    }
}

/// Folds what is committed: readers see nothing else.
fn make<A: Aggregate>(snapshots: Snapshots, reader: LogReader, stream: String) -> BoxFuture<'static, Made> {
    Box::pin(async move {
        let schema_hash = snapshots.schema_hash::<A>();
        let mut connection = reader.pool().acquire().await?;
        let folded = fold::fold::<A>(&mut connection, &stream, schema_hash).await?;
        // Asked for twice, or by a decision that came to nothing.
        if folded.since < snapshots.every {
            return Ok(None);
        }
        let payload = serde_json::to_string(&folded.state).map_err(StoreError::Encode)?;
        let (version, leaf_hash) = (folded.version, folded.leaf_hash.to_vec());
        let schema_hash = schema_hash.to_vec();
        Ok((payload.len() <= PAYLOAD_BYTES_MAX).then_some(Snapshot {
            log: A::LOG,
            stream,
            version,
            schema_hash,
            leaf_hash,
            payload,
        }))
    })
}

/// Makes snapshots one after the other.
pub(crate) struct Maker {
    pub(crate) asked: mpsc::Receiver<Due>,
    pub(crate) snapshots: Snapshots,
    pub(crate) reader: LogReader,
    /// Weak, for the appender works until every handle is gone.
    pub(crate) jobs: mpsc::WeakSender<Box<dyn Job>>,
    /// How many were written.
    pub(crate) written: watch::Sender<u64>,
}

impl Maker {
    /// Works until it is dropped. A snapshot that cannot be made is done without.
    pub(crate) async fn run(mut self) {
        while let Some(Due { log, stream, make }) = self.asked.recv().await {
            match make(self.snapshots.clone(), self.reader.clone(), stream.clone()).await {
                Ok(Some(snapshot)) => self.write(snapshot).await,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, %log, %stream, "a snapshot cannot be made"),
            }
        }
    }

    async fn write(&self, snapshot: Snapshot) {
        let (reply, answer) = oneshot::channel();
        let Some(jobs) = self.jobs.upgrade() else { return };
        let sent = jobs.send(Box::new(Keep { snapshot, reply })).await;
        drop(jobs);
        if sent.is_ok() && answer.await.is_ok_and(|kept| kept) {
            self.written.send_modify(|written| *written += 1);
        }
    }
}

/// A snapshot on its way into the table, in whatever transaction comes next.
struct Keep {
    snapshot: Snapshot,
    reply: oneshot::Sender<bool>,
}

impl Job for Keep {
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let kept = store::put(tx.connection(), &self.snapshot).await;
            if let Err(error) = &kept {
                tracing::warn!(%error, stream = %self.snapshot.stream, "a snapshot cannot be written");
            }
            kept.is_ok()
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), &Arc<StoreError>>) {
        let _ = self.reply.send(committed.is_ok());
    }
}
