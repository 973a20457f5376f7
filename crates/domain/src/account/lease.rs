//! Quota that a node holds, to spend without asking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, AccountEvent, AccountRefusal, LeaseEnd};
use crate::{JournalId, LeaseId, Nanos};

/// The most leases that may be open on one account at once.
pub const LEASES_MAX: usize = 4_096;

/// One open lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// Whose journal spends it.
    pub journal_id: JournalId,
    /// What was granted and not released.
    pub amount: Nanos,
    /// What was charged to it, at most `amount`.
    pub settled: Nanos,
}

impl Lease {
    /// What is neither charged nor given back.
    pub const fn unsettled(&self) -> Nanos {
        self.amount.minus(self.settled)
    }
}

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseAsk {
    /// Chosen by the node; asking twice grants once.
    pub lease_id: LeaseId,
    /// The journal that will spend it.
    pub journal_id: JournalId,
    /// What the call at hand needs.
    pub need: Nanos,
    /// What it can make do with; equal to `need` where it cannot.
    pub floor: Nanos,
    /// What the node spends on this account in ten seconds.
    pub rate: Nanos,
    /// How many nodes share what is available, at least 1.
    pub nodes: u64,
    /// How long the node may spend it, in milliseconds.
    pub ttl_ms: u64,
}

impl Account {
    pub(super) fn decide_lease(&self, ask: LeaseAsk) -> Result<Vec<AccountEvent>, AccountRefusal> {
        self.usable()?;
        if self.leases.contains_key(&ask.lease_id) {
            return Ok(Vec::new());
        }
        if self.leases.len() >= LEASES_MAX {
            return Err(AccountRefusal::Leases);
        }
        let room = self.room().ok_or(AccountRefusal::Unlimited)?;
        if room < ask.floor || room.is_zero() {
            return Err(AccountRefusal::Insufficient {
                available_nanos: self.available_nanos(),
                needed_nanos: ask.floor.get(),
            });
        }
        let share = room.get() / ask.nodes.max(1).saturating_mul(2);
        let size = ask.need.get().max(ask.rate.get().min(share)).min(room.get());
        Ok(vec![AccountEvent::QuotaLeased {
            lease_id: ask.lease_id,
            journal_id: ask.journal_id,
            amount_nanos: Nanos::saturating(size.into()),
            ttl_ms: ask.ttl_ms,
        }])
    }

    pub(super) fn decide_release(&self, lease_id: LeaseId, amount: Nanos) -> Vec<AccountEvent> {
        let freed = self.leases.get(&lease_id).map_or(Nanos::ZERO, |lease| lease.unsettled().min(amount));
        if freed.is_zero() {
            return Vec::new();
        }
        vec![AccountEvent::LeaseReleased { lease_id, freed_nanos: freed }]
    }

    pub(super) fn decide_end(&self, lease_id: LeaseId, end: LeaseEnd) -> Vec<AccountEvent> {
        let Some(lease) = self.leases.get(&lease_id) else { return Vec::new() };
        vec![AccountEvent::LeaseClosed { lease_id, freed_nanos: lease.unsettled(), end }]
    }

    pub(super) fn open_lease(&mut self, lease_id: LeaseId, journal_id: JournalId, amount: Nanos) {
        self.leases.insert(lease_id, Lease { journal_id, amount, settled: Nanos::ZERO });
        self.pending_nanos = self.pending_nanos.saturating_add(amount.get());
    }

    pub(super) fn shrink_lease(&mut self, lease_id: LeaseId, freed: Nanos) {
        if let Some(lease) = self.leases.get_mut(&lease_id) {
            lease.amount = lease.amount.minus(freed);
        }
        self.pending_nanos = self.pending_nanos.saturating_sub(freed.get());
    }
}
