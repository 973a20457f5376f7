//! Whose a journal is: the first node that names it has it, for good. What it says about money is the ledger's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Aggregate, Log, NodeId, StoredEvent};

/// What is asked of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalCommand {
    /// Takes it for a node.
    Assign(NodeId),
}

/// What happened to a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum JournalEvent {
    /// It belongs to a node.
    #[serde(rename = "journal_assigned")]
    Assigned {
        /// To which.
        node_id: NodeId,
    },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JournalRefusal {
    /// It belongs to another node.
    #[error("the journal belongs to another node")]
    Foreign,
}

/// Whose a journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Journal(Option<NodeId>);

impl Aggregate for Journal {
    const KIND: &'static str = "journal";
    const LOG: Log = Log::Control;
    type Command = JournalCommand;
    type Event = JournalEvent;
    type Refusal = JournalRefusal;

    fn decide(
        &self,
        JournalCommand::Assign(node_id): JournalCommand,
    ) -> Result<Vec<JournalEvent>, JournalRefusal> {
        match self.0 {
            None => Ok(vec![JournalEvent::Assigned { node_id }]),
            Some(owner) if owner == node_id => Ok(Vec::new()),
            Some(_) => Err(JournalRefusal::Foreign),
        }
    }

    fn evolve(&mut self, JournalEvent::Assigned { node_id }: &JournalEvent) {
        self.0 = Some(*node_id);
    }
}

impl StoredEvent for JournalEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "journal_assigned",
        }
    }

    fn samples() -> Vec<Self> {
        vec![Self::Assigned { node_id: NodeId(Uuid::from_u128(1)) }]
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Journal, JournalCommand::Assign, JournalEvent as E, JournalRefusal};
    use crate::{NodeId, testing::given};

    const ONE: NodeId = NodeId(Uuid::from_u128(1));
    const OTHER: NodeId = NodeId(Uuid::from_u128(2));

    #[test]
    fn a_journal_belongs_to_the_first_node_that_names_it() {
        given::<Journal>([]).when(Assign(ONE)).then([E::Assigned { node_id: ONE }]);
        given::<Journal>([E::Assigned { node_id: ONE }]).when(Assign(ONE)).then([]);
        given::<Journal>([E::Assigned { node_id: ONE }])
            .when(Assign(OTHER))
            .then_refused(&JournalRefusal::Foreign);
    }
}
