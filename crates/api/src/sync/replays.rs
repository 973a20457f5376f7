//! Requests that were taken, for as long as their time is good: none is taken twice.

use std::collections::{BTreeSet, HashMap};

use cluster::{Nonce, Signature, protocol::WINDOW_MS};
use domain::{NodeId, TimeStamp};
use parking_lot::Mutex;
use thiserror::Error;

/// The most requests that one node may make within the window: 500 a second.
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
    pub(super) fn take(&self, shown: &Signature, now: TimeStamp) -> Result<(), ReplayError> {
        let mut nodes = self.0.lock();
        let taken = nodes.entry(shown.node_id).or_default();
        // What was signed before that is not timely any more.
        let oldest = (now.minus_ms(WINDOW_MS), Nonce::FIRST);
        if taken.first().is_some_and(|first| *first < oldest) {
            *taken = taken.split_off(&oldest);
        }
        let asked = (shown.signed_at, shown.nonce);
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
