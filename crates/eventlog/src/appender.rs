//! The one task that writes: it gathers what waits into one transaction (group commit).

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{Heads, Metadata, StoreError, recent::Recent, snapshots::Maker, tx::Tx};

/// The most commands in one transaction.
pub const BATCH_MAX: usize = 256;
/// The most commands that may wait; more wait in line to wait.
pub const QUEUE_MAX: usize = 1_024;

/// How long nothing may be written before it is looked whether others have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes what is executed on its [`EventLog`](crate::EventLog).
pub struct Appender {
    pub(crate) tx: Tx,
    pub(crate) queue: mpsc::Receiver<Box<dyn Job>>,
    pub(crate) heads_tx: watch::Sender<Heads>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) maker: Maker,
}

/// One command on its way through a transaction, whatever it decides about.
pub(crate) trait Job: Send {
    fn metadata(&self) -> Metadata;
    /// Runs inside the transaction; `false` when nothing of it may stay.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool>;
    /// Answers whoever asked, once it is known whether the transaction stands.
    fn answer(self: Box<Self>, committed: Result<(), &Arc<StoreError>>);
}

impl Appender {
    /// Works until every handle of the log is gone.
    pub async fn run(mut self) {
        // Goes when this ends: what it has begun may be done without.
        let mut beside = JoinSet::new();
        beside.spawn(self.maker.run());
        let mut jobs = Vec::with_capacity(BATCH_MAX);
        loop {
            let received = tokio::select! {
                received = self.queue.recv_many(&mut jobs, BATCH_MAX) => received,
                () = sleep(LOOK_EVERY), if self.tx.is_shared() => {
                    look(&mut self.tx, &self.heads_tx).await;
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            let committed = transaction(&mut self.tx, &mut jobs).await.map_err(Arc::new);
            match &committed {
                Ok(()) => {
                    // Before anybody is told that it is there.
                    self.recent.push(self.tx.take_appended());
                    tell(&self.heads_tx, self.tx.heads());
                }
                Err(error) => {
                    tracing::error!(%error, jobs = jobs.len(), "an append transaction failed");
                    self.tx.recover().await;
                }
            }
            for job in jobs.drain(..) {
                job.answer(committed.as_ref().map(|&()| ()));
            }
        }
    }
}

/// What other processes have appended is heard of without a write of this one's.
async fn look(tx: &mut Tx, heads: &watch::Sender<Heads>) {
    match tx.look().await {
        Ok(found) => tell(heads, found),
        Err(error) => {
            tracing::warn!(%error, "how far the logs have come is not known");
            tx.recover().await;
        }
    }
}

fn tell(heads: &watch::Sender<Heads>, found: Heads) {
    heads.send_if_modified(|known| std::mem::replace(known, found) != found);
}

async fn transaction(tx: &mut Tx, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let before = tx.begin().await?;
    // One that is alone needs no savepoint: what it did goes with the transaction.
    if let [job] = jobs {
        tx.begin_job(job.metadata());
        if !job.run(tx).await {
            tx.connection().execute("ROLLBACK").await?;
            tx.reset(&before);
            return Ok(());
        }
    } else {
        for job in jobs {
            behind_savepoint(tx, job.as_mut()).await?;
        }
    }
    tx.write_heads(&before).await?;
    tx.connection().execute("COMMIT").await
}

async fn behind_savepoint(tx: &mut Tx, job: &mut dyn Job) -> Result<(), StoreError> {
    let mark = tx.mark();
    tx.connection().execute("SAVEPOINT job").await?;
    tx.begin_job(job.metadata());
    if !job.run(tx).await {
        tx.connection().execute("ROLLBACK TO job").await?;
        tx.reset(&mark);
    }
    tx.connection().execute("RELEASE job").await
}
