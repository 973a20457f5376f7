//! What every aggregate is: a pure decision over past events.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Upcast;

/// One of the two append-only logs, each with its own gapless position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// Channels, tokens, users, groups, prices, settings: low rate, read whole by every node.
    Control,
    /// Accounts, leases, deductions: high rate.
    Ledger,
}

impl Log {
    /// Both logs, in the order in which an append locks their heads.
    pub const ALL: [Self; 2] = [Self::Control, Self::Ledger];

    /// The name in URLs, tables and headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Ledger => "ledger",
        }
    }

    /// The log called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|log| log.as_str() == name)
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored fact. It is serialised as one JSON object whose `type` is [`StoredEvent::tag`]: the payload alone
/// can be read back, which is also what cqrs-es expects of it.
pub trait StoredEvent:
    Serialize + DeserializeOwned + JsonSchema + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static
{
    /// The stored type, `<kind>_<variant>` in `snake_case`; equals the payload's `type`.
    fn tag(&self) -> &'static str;

    /// The version of the payload's shape; a new shape is a new version with an upcaster.
    fn schema_version(&self) -> u32 {
        1
    }

    /// Reads a payload of the newest shape.
    ///
    /// # Errors
    /// When it is none.
    fn read(payload: &str) -> serde_json::Result<Self> {
        serde_json::from_str(payload)
    }

    /// How payloads of older shapes become payloads of the newest: one step for every version but that one.
    fn upcasts() -> &'static [Upcast] {
        &[]
    }

    /// At least one sample of every variant, in its newest shape: stored beside the schemas and read back in
    /// every test run.
    fn samples() -> Vec<Self>;
}

/// A consistency boundary: `decide` says what happens or why not, `evolve` says what that changes. Both are
/// pure; ids and times are handed in with the command.
pub trait Aggregate:
    Default + Clone + std::fmt::Debug + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The singular noun: file name, stream prefix and start of each event's tag.
    const KIND: &'static str;
    /// The log that holds its streams.
    const LOG: Log;
    /// Raised whenever `evolve` makes something else of the same events: a state that was kept from before is then
    /// folded anew. A state of another shape is told apart without it.
    const FOLD_VERSION: u32 = 1;
    /// What is asked.
    type Command: Clone + std::fmt::Debug + Send + Sync + 'static;
    /// What happened.
    type Event: StoredEvent;
    /// The business says no.
    type Refusal: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// Answers a command with what has happened, or with why not. An empty answer means: already so.
    ///
    /// # Errors
    /// The refusal, with nothing changed.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Takes in what has happened.
    fn evolve(&mut self, event: &Self::Event);
}
