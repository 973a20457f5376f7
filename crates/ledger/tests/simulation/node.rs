//! A node: a machine with a disk, and now and then a process on it.

use domain::{JournalId, Nanos, account::CallFacts};
use ledger::{
    Ask, GrantError,
    step::{Grant, NodeState},
};

use super::disk::Disk;

/// The machine.
pub(crate) struct Node {
    pub(crate) disk: Disk,
    pub(crate) process: Option<Process>,
    /// What a process held that died, for the slip that goes on with it.
    pub(crate) ghost: NodeState,
    /// How often it was switched on.
    pub(crate) boots: u32,
    /// Milliseconds since then.
    pub(crate) boot_ms: u64,
}

impl Node {
    pub(crate) fn new(disk: Disk) -> Self {
        Self { disk, process: None, ghost: NodeState::default(), boots: 1, boot_ms: 0 }
    }
}

/// What lives as long as the process.
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) state: NodeState,
    pub(crate) asked: Vec<Asked>,
    /// Whose leases are to be given back that this process does not go on with.
    pub(crate) inherited: Option<JournalId>,
}

/// A call that waits for quota.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) facts: CallFacts,
    pub(crate) amount: Nanos,
    /// What it can make do with.
    pub(crate) floor: Nanos,
}

/// A question that takes its time.
pub(crate) struct Late {
    pub(crate) node: usize,
    pub(crate) ask: Ask,
}

/// Quota that the ledger was asked for.
pub(crate) struct Asked {
    pub(crate) wish: Wish,
    pub(crate) ask: Ask,
    /// When, by the node's clock.
    pub(crate) at_ms: u64,
    /// `None` where none will come: the question or the answer was lost.
    pub(crate) answer: Option<Result<Vec<Grant>, GrantError>>,
    /// How often this call has asked.
    pub(crate) tries: u32,
}
