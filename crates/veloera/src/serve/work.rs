//! What runs beside the calls, on every node that carries any.

use std::sync::Arc;

use api::ClientEdge;
use ledger::{LedgerPort, Node, NodeError, NodeOptions, Unheard};
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    data_dir::DataDir,
    environment::{Machine, boot_id},
    telemetry::Telemetry,
};

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

    /// Has calls counted, and telemetry sent where there is a collector, until every call has ended.
    pub(super) fn export(&self, telemetry: &Telemetry, config: &Config, edge: &Arc<ClientEdge>, on: &Handle) {
        self.follow(on, Arc::clone(&telemetry.meter).run());
        let edge = Arc::clone(edge);
        if let Some(exporter) = telemetry.exporter(config, move || edge.metrics.text().ok()) {
            let stop = self.followers_stop.clone().cancelled_owned();
            self.followers.spawn_on(exporter.run(stop), on);
        }
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
