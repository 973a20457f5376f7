//! What this process has heard of nodes.

use std::collections::HashMap;

use domain::{Log, NodeId, TimeStamp};
use eventlog::Heads;
use parking_lot::Mutex;
use tokio::sync::watch;

/// What was heard of a node. Another control node may have heard more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeardNode {
    /// When, last.
    pub(crate) at: Option<TimeStamp>,
    /// How far it knows the logs.
    pub(crate) applied: Heads,
}

#[derive(Default)]
pub(super) struct Heard {
    nodes: Mutex<HashMap<NodeId, HeardNode>>,
    changes: watch::Sender<()>,
}

impl Heard {
    pub(super) fn hear(&self, id: NodeId, at: TimeStamp) {
        self.nodes.lock().entry(id).or_default().at = Some(at);
    }

    /// Gives how far it knew that log before.
    pub(super) fn applied(&self, id: NodeId, log: Log, position: u64) -> u64 {
        let before = {
            let mut nodes = self.nodes.lock();
            let applied = &mut nodes.entry(id).or_default().applied;
            let before = applied.of(log);
            applied.set(log, position);
            before
        };
        self.changes.send_replace(());
        before
    }

    pub(super) fn of(&self, id: NodeId) -> HeardNode {
        self.nodes.lock().get(&id).copied().unwrap_or_default()
    }

    pub(super) fn forget(&self, id: NodeId) {
        self.nodes.lock().remove(&id);
        self.changes.send_replace(());
    }

    /// Resolves once `come` says yes to what is known.
    pub(super) async fn until(&self, mut come: impl FnMut() -> bool) {
        // The sender lives as long as this does.
        let _ = self.changes.subscribe().wait_for(|()| come()).await;
    }
}
