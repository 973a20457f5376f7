//! Nodes that are heard. Those that were revoked are gone.

use domain::{
    NodeId,
    node::{Node, NodeEvent, NodeKey},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Names it.
    pub node_id: NodeId,
    /// What people call it.
    pub name: String,
    /// What it signs with.
    pub public_key: NodeKey,
}

impl Model for NodeRow {
    type Of = Node;
    type Key = NodeId;
    const TABLE: &'static str = "nodes";

    fn key(id: &str, _: &NodeEvent) -> Option<NodeId> {
        id.parse().ok()
    }

    fn evolve(_: Option<Self>, &node_id: &NodeId, event: &NodeEvent) -> Option<Self> {
        match event {
            NodeEvent::Enrolled { name, public_key } => {
                Some(Self { node_id, name: name.clone(), public_key: public_key.clone() })
            }
            NodeEvent::Revoked {} => None,
        }
    }
}

/// Nodes from after `after`, by id.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<NodeId>,
    limit: usize,
) -> Result<Vec<Stored<NodeRow>>, StoreError> {
    model::list(pool, after.as_ref(), limit, None).await
}
