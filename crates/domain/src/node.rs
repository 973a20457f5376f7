//! A process of the cluster that is not on the database: it holds a key of its own, and signs what it asks with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Aggregate, Log, NameError, NodeId, StoredEvent, names};

/// Names of nodes are made under it.
const NAMESPACE: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0003);
const KEY_DIGITS: usize = 64;

/// The public half of a node's Ed25519 key, as 64 hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct NodeKey(Box<str>);

/// Text that is no node's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a node's public key is {KEY_DIGITS} hexadecimal digits in lower case")]
pub struct NoNodeKey;

impl NodeKey {
    /// `text` as a key.
    ///
    /// # Errors
    /// When it has not the form of one.
    pub fn new(text: &str) -> Result<Self, NoNodeKey> {
        let fits =
            text.len() == KEY_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(Self(text.into())) } else { Err(NoNodeKey) }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The node that holds this key: who enrols twice enrols once, and no two nodes share a key.
    pub fn node_id(&self) -> NodeId {
        NodeId(Uuid::new_v5(&NAMESPACE, self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for NodeKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// What is asked of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCommand {
    /// Takes it in.
    Enrol {
        /// What people call it.
        name: String,
        /// What it signs with.
        public_key: NodeKey,
    },
    /// Hears it no more.
    Revoke,
}

/// What happened to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum NodeEvent {
    /// It was taken in.
    #[serde(rename = "node_enrolled")]
    Enrolled {
        /// What people call it.
        name: String,
        /// What it signs with.
        public_key: NodeKey,
    },
    /// It is heard no more.
    #[serde(rename = "node_revoked")]
    Revoked {},
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NodeRefusal {
    /// There is none of that id.
    #[error("there is no such node")]
    Unknown,
    /// It was revoked, which is for good.
    #[error("the node was revoked; it can only come back with another key")]
    Revoked,
    /// Nobody can call it that.
    #[error("`name`: {0}")]
    Name(#[from] NameError),
}

/// A node, as far as decisions need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Node {
    /// Never enrolled.
    #[default]
    Absent,
    /// Heard.
    Enrolled,
    /// Heard no more.
    Revoked,
}

impl Aggregate for Node {
    const KIND: &'static str = "node";
    const LOG: Log = Log::Control;
    type Command = NodeCommand;
    type Event = NodeEvent;
    type Refusal = NodeRefusal;

    fn decide(&self, command: NodeCommand) -> Result<Vec<NodeEvent>, NodeRefusal> {
        match (self, command) {
            (Self::Absent, NodeCommand::Enrol { name, public_key }) => {
                names::check(&name)?;
                Ok(vec![NodeEvent::Enrolled { name, public_key }])
            }
            // The answer to the first may have been lost.
            (Self::Enrolled, NodeCommand::Enrol { .. }) | (Self::Revoked, NodeCommand::Revoke) => {
                Ok(Vec::new())
            }
            (Self::Revoked, NodeCommand::Enrol { .. }) => Err(NodeRefusal::Revoked),
            (Self::Enrolled, NodeCommand::Revoke) => Ok(vec![NodeEvent::Revoked {}]),
            (Self::Absent, NodeCommand::Revoke) => Err(NodeRefusal::Unknown),
        }
    }

    fn evolve(&mut self, event: &NodeEvent) {
        *self = match event {
            NodeEvent::Enrolled { .. } => Self::Enrolled,
            NodeEvent::Revoked {} => Self::Revoked,
        };
    }
}

impl StoredEvent for NodeEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Enrolled { .. } => "node_enrolled",
            Self::Revoked {} => "node_revoked",
        }
    }

    fn samples() -> Vec<Self> {
        let public_key = NodeKey("ab".repeat(32).into());
        vec![Self::Enrolled { name: "relay-1".into(), public_key }, Self::Revoked {}]
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, NodeCommand as C, NodeEvent as E, NodeKey, NodeRefusal};
    use crate::{NameError, testing::given};

    fn key(digit: &str) -> NodeKey {
        NodeKey::new(&digit.repeat(64)).unwrap()
    }

    fn enrol() -> C {
        C::Enrol { name: "a".into(), public_key: key("a") }
    }

    fn enrolled() -> E {
        E::Enrolled { name: "a".into(), public_key: key("a") }
    }

    #[test]
    fn whoever_enrols_twice_enrols_once() {
        given::<Node>([]).when(enrol()).then([enrolled()]);
        given::<Node>([enrolled()]).when(enrol()).then([]);
    }

    #[test]
    fn a_revoked_node_never_comes_back() {
        given::<Node>([enrolled()]).when(C::Revoke).then([E::Revoked {}]);
        given::<Node>([enrolled(), E::Revoked {}]).when(C::Revoke).then([]);
        given::<Node>([enrolled(), E::Revoked {}]).when(enrol()).then_refused(&NodeRefusal::Revoked);
        given::<Node>([]).when(C::Revoke).then_refused(&NodeRefusal::Unknown);
    }

    #[test]
    fn a_node_has_a_name_that_people_can_read() {
        let enrol = C::Enrol { name: String::new(), public_key: key("a") };
        given::<Node>([]).when(enrol).then_refused(&NodeRefusal::Name(NameError::Empty));
    }

    #[test]
    fn each_key_is_one_node_and_is_written_in_one_way() {
        assert_eq!(key("a").node_id(), key("a").node_id());
        assert_ne!(key("a").node_id(), key("b").node_id());
        for bad in ["", "ab", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65)] {
            assert!(NodeKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
