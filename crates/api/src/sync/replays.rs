//! Requests that were taken, for as long as their time is good: none is taken twice.

use std::collections::{BTreeSet, HashMap};

use cluster::{Nonce, protocol::WINDOW_MS};
use domain::{NodeId, TimeStamp};
use parking_lot::Mutex;
use thiserror::Error;

/// The most requests of one node that are remembered: 500 a second, for as long as one may be sent again.
const NONCES_MAX: usize = 65_536;

/// What each node has asked lately. The time is signed with the nonce: sent again it is the same.
#[derive(Default)]
pub(super) struct Replays(Mutex<HashMap<NodeId, BTreeSet<(TimeStamp, Nonce)>>>);

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum ReplayError {
    /// It was taken before.
    #[error("the request was sent before")]
    Replayed,
    /// Nothing more can be remembered of this node for now.
    #[error("the node asks more than {NONCES_MAX} times in {WINDOW_MS} ms")]
    TooMany,
}

impl Replays {
    /// Takes a request whose signature and time are good.
    pub(super) fn take(
        &self,
        node_id: NodeId,
        asked: (TimeStamp, Nonce),
        now: TimeStamp,
    ) -> Result<(), ReplayError> {
        let mut nodes = self.0.lock();
        let taken = nodes.entry(node_id).or_default();
        // What was signed before that is not timely any more.
        let oldest = (now.minus_ms(WINDOW_MS), Nonce::FIRST);
        if taken.first().is_some_and(|first| *first < oldest) {
            *taken = taken.split_off(&oldest);
        }
        if taken.contains(&asked) {
            return Err(ReplayError::Replayed);
        }
        if taken.len() >= NONCES_MAX {
            return Err(ReplayError::TooMany);
        }
        taken.insert(asked);
        Ok(())
    }

    pub(super) fn forget(&self, id: NodeId) {
        self.0.lock().remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use cluster::{Nonce, protocol::WINDOW_MS};
    use domain::{NodeId, TimeStamp};
    use uuid::Uuid;

    use super::{NONCES_MAX, ReplayError, Replays};

    const NOON: TimeStamp = TimeStamp::from_micros(1_795_500_000_000_000);
    const ONE: NodeId = NodeId(Uuid::from_u128(1));
    const OTHER: NodeId = NodeId(Uuid::from_u128(2));

    fn nonce(n: usize) -> Nonce {
        format!("{n:032x}").parse().unwrap()
    }

    #[test]
    fn a_node_that_asks_too_often_waits_and_hinders_nobody_else() {
        let replays = Replays::default();
        for n in 0..NONCES_MAX {
            replays.take(ONE, (NOON, nonce(n)), NOON).unwrap();
        }
        assert_eq!(replays.take(ONE, (NOON, nonce(NONCES_MAX)), NOON), Err(ReplayError::TooMany));
        assert_eq!(replays.take(ONE, (NOON, nonce(0)), NOON), Err(ReplayError::Replayed));
        replays.take(OTHER, (NOON, nonce(0)), NOON).unwrap();
        let later = NOON.plus_ms(WINDOW_MS + 1);
        replays.take(ONE, (later, nonce(0)), later).unwrap();
        assert_eq!(replays.0.lock()[&ONE].len(), 1, "what is over is forgotten");
    }
}
