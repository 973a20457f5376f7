//! What runs beside the calls, on every node that carries any.

use std::{sync::Arc, time::Duration};

use api::ClientEdge;
use ledger::{LedgerPort, Node, NodeError, NodeOptions, Unheard};
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    data_dir::DataDir,
    environment::{Machine, boot_id},
    telemetry::{Exporter, Telemetry},
};

/// How long the last metrics may take.
const SENT_MAX: Duration = Duration::from_secs(6);

/// The node's side of the ledger, and everything that is to be ended in order.
pub(crate) struct Work {
    pub(crate) node: Arc<Node>,
    /// Calls whose clients have gone.
    pub(super) tasks: TaskTracker,
    /// Told when no more calls are taken.
    pub(super) stopping: CancellationToken,
    /// Told when every call has ended.
    pub(super) followers_stop: CancellationToken,
    pub(super) followers: TaskTracker,
}

impl Work {
    /// Opens the journal over that ledger, and has it made durable, brought home and given back from.
    pub(super) async fn begin(
        config: &Config,
        data_dir: &DataDir,
        port: Arc<dyn LedgerPort>,
        unheard: Unheard,
        ledger: &Handle,
    ) -> Result<Self, NodeError> {
        let mut options = NodeOptions::new(data_dir.journal(), domain::JournalId(Machine::uuid()), boot_id());
        options.sync = config.journal_sync;
        options.journal_bytes_max = config.journal_bytes_max;
        options.segment_bytes = config.journal_segment_bytes;
        options.unheard = unheard;
        let node = Node::open(options, port, Arc::new(Machine)).await?;
        let work = Self {
            node: Arc::clone(&node),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            followers_stop: CancellationToken::new(),
            followers: TaskTracker::new(),
        };
        // It ends by itself, for it has something to do then.
        work.followers.spawn_on(Arc::clone(&node).run(work.followers_stop.clone().cancelled_owned()), ledger);
        work.follow(ledger, Arc::clone(&node).heed());
        work.follow(ledger, node.answer_recalls());
        Ok(work)
    }

    /// Has calls counted until every one has ended, and telemetry sent where there is a collector: longer than anybody
    /// else works, for the last of them have something to tell too.
    pub(super) fn export(
        &self,
        telemetry: &Telemetry,
        config: &Config,
        edge: &Arc<ClientEdge>,
        on: &Handle,
    ) -> Option<Sending> {
        self.follow(on, Arc::clone(&telemetry.meter).run());
        let edge = Arc::clone(edge);
        let exporter = telemetry.exporter(config, move || edge.metrics.text().ok())?;
        let stop = CancellationToken::new();
        let task = on.spawn(exporter.run(stop.clone().cancelled_owned()));
        Some(Sending { stop, task })
    }

    /// Has `following` run until every call has ended.
    pub(super) fn follow(&self, on: &Handle, following: impl Future<Output = ()> + Send + 'static) {
        let stop = self.followers_stop.clone().cancelled_owned();
        let until = async move {
            tokio::select! {
                () = stop => {}
                () = following => {}
            }
        };
        self.followers.spawn_on(until, on);
    }

    /// Resolves with `stop`, and tells the rest that it did.
    pub(super) fn stop_after<S>(&self, stop: S) -> impl Future<Output = ()> + Send + use<S>
    where
        S: Future<Output = ()> + Send,
    {
        let stopping = self.stopping.clone();
        async move {
            stop.await;
            stopping.cancel();
        }
    }
}

/// Telemetry on its way to a collector.
pub(super) struct Sending {
    stop: CancellationToken,
    task: JoinHandle<Exporter>,
}

impl Sending {
    /// The last metrics are sent, and what they tell of is let go. What waits is sent by whom this answers with.
    pub(super) async fn let_go(self) -> Option<Exporter> {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        let Ok(ended) = timeout(SENT_MAX, self.task).await else {
            // It must not hold the log any longer.
            abort.abort();
            return None;
        };
        ended.ok()
    }
}
