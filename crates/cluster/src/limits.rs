//! What nodes count together: each tells a Redis server what it has counted of what is limited, and hears there what the
//! others have told. The server keeps nothing for longer than a minute and a half, and may lose all of it: every node knows
//! what it has counted itself.

#[cfg(test)]
mod tests;
mod told;

use domain::{CallCounts, SLOT_MS, SLOTS};
use eventlog::Sealer;
use fred::{
    clients::Client,
    types::{Value, scripts::Script},
};
use thiserror::Error;

/// How long a node that says nothing is there.
const THERE_MS: u64 = 5_000;
/// How long what a node told is kept: longer than any of it counts.
const KEPT_MS: u64 = (SLOTS as u64 + 2) * SLOT_MS;
/// Every key of one installation is in the same place, so that one script may use all of them.
const PREFIX: &str = "veloera:{limits-";

/// Where nodes tell one another what they have counted.
pub struct LimitBoard {
    client: Client,
    sealer: Sealer,
    script: Script,
    /// Two installations on one server do not meet.
    prefix: String,
    /// Names this process among the others.
    node: String,
}

/// What the others have told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many nodes there are, this one among them.
    pub nodes: u64,
    /// Another one than before where the server has lost what it was told.
    pub epoch: String,
    /// Of each subject that was told, in that order: the sum of all other nodes.
    pub others: Vec<CallCounts>,
}

/// Why nobody was heard.
#[derive(Debug, Error)]
pub enum LimitBoardError {
    /// The server, or the way to it.
    #[error("the Redis server does not answer: {0}")]
    Redis(#[from] fred::error::Error),
    /// The answer has another shape.
    #[error("what the Redis server answers cannot be read")]
    Unreadable,
}

impl LimitBoard {
    /// The board of whoever holds the master key, at that server; `node` is of this process alone.
    pub fn new(client: Client, sealer: Sealer, node: String) -> Self {
        let prefix = format!("{PREFIX}{}}}:", sealer.mark_key_id());
        Self { client, sealer, script: Script::from_lua(include_str!("limits/exchange.lua")), prefix, node }
    }

    /// Tells what this node has counted of each subject, and answers with what the others have.
    ///
    /// # Errors
    /// When the server is away, or answers something else.
    pub async fn exchange(&self, said: &[(String, CallCounts)]) -> Result<Tally, LimitBoardError> {
        let key = |name: &str| format!("{}{name}", self.prefix);
        let mut keys = vec![key("nodes"), key("epoch")];
        let mut arguments =
            vec![self.node.clone(), self.node.clone(), THERE_MS.to_string(), KEPT_MS.to_string()];
        for (subject, counts) in said {
            let key = key(&format!("of:{subject}"));
            arguments.push(told::write(&self.sealer, &key, &self.node, counts));
            keys.push(key);
        }
        let subjects = keys[2..].to_vec();
        let answer: Vec<Value> = self.script.evalsha_with_reload(&self.client, keys, arguments).await?;
        self.read(&subjects, answer).ok_or(LimitBoardError::Unreadable)
    }

    fn read(&self, keys: &[String], answer: Vec<Value>) -> Option<Tally> {
        let mut answer = answer.into_iter();
        let now_ms = answer.next()?.as_u64()?;
        let (nodes, epoch) = (answer.next()?.as_u64()?, answer.next()?.into_string()?);
        let others: Vec<_> = keys.iter().zip(answer).map(|(key, told)| self.sum(key, told, now_ms)).collect();
        (others.len() == keys.len()).then_some(())?;
        Some(Tally { nodes, epoch, others: others.into_iter().collect::<Option<_>>()? })
    }

    /// What all others have told of one subject. What bears no mark is nobody's.
    fn sum(&self, key: &str, told: Value, now_ms: u64) -> Option<CallCounts> {
        let told: Vec<String> = told.convert().ok()?;
        let others = told.chunks_exact(2).filter(|pair| pair[0] != self.node);
        Some(others.fold(CallCounts::default(), |sum, pair| {
            let Some(counts) = self.one(key, pair, now_ms) else {
                tracing::warn!(
                    key,
                    node = pair[0],
                    "what a node seems to have counted bears no mark: it is left out"
                );
                return sum;
            };
            sum.plus(&counts)
        }))
    }

    fn one(&self, key: &str, pair: &[String], now_ms: u64) -> Option<CallCounts> {
        let (node, (at_ms, text)) = (pair.first()?, pair.get(1)?.split_once(' ')?);
        let counts = told::read(&self.sealer, key, node, text)?;
        Some(counts.aged(now_ms.saturating_sub(at_ms.parse().ok()?)))
    }
}
