//! What this process has heard of nodes.

use std::collections::HashMap;

use domain::{Log, NodeId, TimeStamp};
use eventlog::Heads;
use parking_lot::Mutex;

/// What was heard of a node. Another control node may have heard more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeardNode {
    /// When, last.
    pub(crate) at: Option<TimeStamp>,
    /// How far it knows the logs.
    pub(crate) applied: Heads,
}

#[derive(Default)]
pub(super) struct Heard(Mutex<HashMap<NodeId, HeardNode>>);

impl Heard {
    pub(super) fn hear(&self, id: NodeId, at: TimeStamp) {
        self.0.lock().entry(id).or_default().at = Some(at);
    }

    pub(super) fn applied(&self, id: NodeId, log: Log, position: u64) {
        self.0.lock().entry(id).or_default().applied.set(log, position);
    }

    pub(super) fn of(&self, id: NodeId) -> HeardNode {
        self.0.lock().get(&id).copied().unwrap_or_default()
    }

    pub(super) fn forget(&self, id: NodeId) {
        self.0.lock().remove(&id);
    }
}
