//! A call as a node carries it, but for the call itself.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    JournalId, LeaseId, TimeStamp,
    account::{CallFacts, Scope, Settlement},
};
use ledger::{Node, NodeClock, record::CallPart};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use super::sample::MORNING;

/// The machine's clock since it was started; by the wall it is always morning.
pub(super) struct Clock {
    node: u128,
    ids: AtomicU64,
}

impl Clock {
    /// That of a node, whose ids are no other's.
    pub(super) const fn of(node: u128) -> Self {
        Self { node, ids: AtomicU64::new(0) }
    }

    fn id(&self) -> Uuid {
        Uuid::from_u128((self.node << 64) + u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))
    }
}

impl NodeClock for Clock {
    fn wall(&self) -> TimeStamp {
        MORNING
    }

    fn boot_ms(&self) -> u64 {
        let time = clock_gettime(ClockId::Boottime);
        u64::try_from(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000).expect("time is not negative")
    }

    fn lease_id(&self) -> LeaseId {
        LeaseId(self.id())
    }

    fn journal_id(&self) -> JournalId {
        JournalId(self.id())
    }
}

/// Reserves, sends and settles it.
pub(super) async fn carried(node: &Node, settlement: Settlement) {
    let Settlement { facts, attempts, usage, amount, flags, .. } = settlement;
    let call = CallPart::of(&facts);
    let scopes = facts.scopes.iter().map(|scope| Scope { lease_id: None, ..*scope });
    let facts = CallFacts { scopes: scopes.collect(), ..facts };
    node.reserve(facts, &[], amount, amount).await.expect("there is enough for it");
    let attempt = attempts.into_iter().next().expect("one attempt");
    node.sent(call, attempt).expect("the disk takes it").await.expect("the disk keeps it");
    node.settle(call, usage, amount, flags).expect("the disk takes it");
}
