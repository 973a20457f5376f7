//! Whose each journal is that a node has named.

use domain::{
    JournalId, NodeId,
    journal::{Journal, JournalEvent},
};
use serde::{Deserialize, Serialize};

use crate::model::Model;

/// A journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalOwnerRow {
    /// Names it.
    pub journal_id: JournalId,
    /// Whose it is.
    pub node_id: NodeId,
}

impl Model for JournalOwnerRow {
    type Of = Journal;
    type Key = JournalId;
    const TABLE: &'static str = "journal_owners";

    fn key(id: &str, _: &JournalEvent) -> Option<JournalId> {
        id.parse().ok()
    }

    fn evolve(_: Option<Self>, &journal_id: &JournalId, event: &JournalEvent) -> Option<Self> {
        let JournalEvent::Assigned { node_id } = *event;
        Some(Self { journal_id, node_id })
    }
}
