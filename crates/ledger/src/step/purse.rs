//! The quota that a node holds on one account.

use domain::{AccountId, LeaseId, Nanos};

use crate::{
    mutant::{self, Mutant},
    record::Record,
};

/// How long quota that no call needs is kept, in milliseconds: as many times as long as its calls are apart, which is
/// seldom too short for the next one, but within these.
const IDLE_MS: u64 = 2_000;
const IDLE_MAX_MS: u64 = 20_000;
const PAUSES_KEPT: u64 = 4;
/// Half of the ten seconds over which spending is measured, in milliseconds.
const WINDOW_MS: u64 = 5_000;
/// So many times as much as was spent of the last lease is asked for, at most, where that did not last for ten seconds.
const STEP_MAX: u64 = 8;

/// One lease as its node sees it: `amount` is what was granted less what was given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldLease {
    lease_id: LeaseId,
    amount: Nanos,
    settled: Nanos,
    reserved: Nanos,
    calls: u32,
    expires_ms: u64,
    used_ms: u64,
}

impl HeldLease {
    const fn room(&self) -> Nanos {
        self.amount.minus(self.settled).minus(self.reserved)
    }

    /// Whether calls may still draw on it.
    fn is_usable(&self, now_ms: u64) -> bool {
        now_ms < self.expires_ms || mutant::is(Mutant::ExpiryIgnored)
    }

    pub(super) const fn is_idle(&self, now_ms: u64, patience_ms: u64) -> bool {
        now_ms >= self.expires_ms || now_ms.saturating_sub(self.used_ms) >= patience_ms
    }
}

/// Every lease on one account.
#[derive(Debug, Default)]
pub(super) struct Purse {
    leases: Vec<HeldLease>,
    unlimited_until_ms: u64,
    /// What was reserved in this window and in the one before, and when this one began.
    spent: (Nanos, Nanos, u64),
    /// When the last call came, and how long its calls are apart as a rule.
    last_ms: Option<u64>,
    pause_ms: u64,
    /// The lease that was granted last, and when it was asked for.
    newest: Option<(LeaseId, u64)>,
}

impl Purse {
    pub(super) fn leases(&self) -> usize {
        self.leases.len()
    }

    /// Each lease with what it holds, what was charged to it and what calls hold on it.
    #[cfg(test)]
    pub(super) fn held(&self) -> impl Iterator<Item = (LeaseId, Nanos, Nanos, Nanos)> {
        self.leases.iter().map(|lease| (lease.lease_id, lease.amount, lease.settled, lease.reserved))
    }

    /// The most that one call can reserve now; `None` where nothing is known of the account.
    pub(super) fn most(&self, now_ms: u64) -> Option<Nanos> {
        if now_ms < self.unlimited_until_ms {
            return Some(Nanos::MAX);
        }
        self.leases.iter().filter(|lease| lease.is_usable(now_ms)).map(HeldLease::room).max()
    }

    /// Sets `amount` aside, on the fullest lease that no call fills; `None` where nothing limits the account.
    pub(super) fn reserve(&mut self, amount: Nanos, now_ms: u64) -> Option<LeaseId> {
        self.measure(amount, now_ms);
        self.pace(now_ms);
        if now_ms < self.unlimited_until_ms {
            return None;
        }
        // The tightest fit leaves the roomier leases to larger calls.
        let lease = self
            .leases
            .iter_mut()
            .filter(|lease| lease.is_usable(now_ms) && lease.room() >= amount)
            .min_by_key(|lease| lease.room())?;
        lease.reserved = lease.reserved.plus(amount);
        lease.calls += 1;
        lease.used_ms = now_ms;
        Some(lease.lease_id)
    }

    pub(super) fn has_idle(&self, now_ms: u64) -> bool {
        self.leases.iter().any(|lease| lease.is_idle(now_ms, self.patience_ms()))
    }

    pub(super) fn holds(&self, lease_id: LeaseId) -> bool {
        self.leases.iter().any(|lease| lease.lease_id == lease_id)
    }

    /// A process before this one set so much aside on a lease.
    pub(super) fn was_reserved(&mut self, lease_id: LeaseId, amount: Nanos) {
        if let Some(lease) = self.find(lease_id) {
            lease.reserved = lease.reserved.plus(amount);
            lease.calls += 1;
        }
    }

    /// It gave so much of a lease back.
    pub(super) fn was_released(&mut self, lease_id: LeaseId, amount: Nanos) {
        if let Some(lease) = self.find(lease_id) {
            lease.amount = lease.amount.minus(amount);
        }
    }

    /// It gave back all of it.
    pub(super) fn was_closed(&mut self, lease_id: LeaseId) {
        self.leases.retain(|lease| lease.lease_id != lease_id);
    }

    /// What may still be spent of it is used from now on.
    pub(super) fn goes_on(&mut self, now_ms: u64) {
        self.leases.retain(|lease| lease.is_usable(now_ms));
        self.leases.iter_mut().for_each(|lease| lease.used_ms = now_ms);
    }

    fn find(&mut self, lease_id: LeaseId) -> Option<&mut HeldLease> {
        self.leases.iter_mut().find(|lease| lease.lease_id == lease_id)
    }

    /// What was reserved for a call that ended becomes what it cost; the rest is room again.
    pub(super) fn settle(&mut self, lease_id: LeaseId, reserved: Nanos, amount: Nanos) {
        if let Some(lease) = self.find(lease_id) {
            lease.reserved = lease.reserved.minus(reserved);
            if mutant::is(Mutant::SettleFreesTwice) {
                lease.reserved = lease.reserved.minus(reserved);
            }
            lease.calls = lease.calls.saturating_sub(1);
            // The ledger, too, charges a lease no more than it holds: the rest is the account's.
            lease.settled = lease.settled.plus(amount).min(lease.amount);
        }
    }

    pub(super) fn add(&mut self, lease_id: LeaseId, amount: Nanos, expires_ms: u64, now_ms: u64) {
        if !self.holds(lease_id) {
            self.newest = Some((lease_id, now_ms));
            self.leases.push(HeldLease {
                lease_id,
                amount,
                settled: Nanos::ZERO,
                reserved: Nanos::ZERO,
                calls: 0,
                expires_ms,
                used_ms: now_ms,
            });
        }
    }

    pub(super) fn unlimited_until(&mut self, until_ms: u64) {
        self.unlimited_until_ms = until_ms;
    }

    /// Gives back what no call needs of the leases that `which` picks: a lease without calls whole, else its room.
    /// A lease on which a call is open is never closed, so that no close overtakes a charge.
    pub(super) fn give_back(
        &mut self,
        account_id: AccountId,
        records: &mut Vec<Record>,
        which: impl Fn(&HeldLease) -> bool,
    ) {
        self.leases.retain_mut(|lease| {
            if !which(lease) {
                return true;
            }
            let lease_id = lease.lease_id;
            if lease.calls == 0 || mutant::is(Mutant::CloseInUse) {
                records.push(Record::Close { account_id, lease_id });
                return mutant::is(Mutant::ClosedStaysSpendable);
            }
            let reserved = mutant::is(Mutant::ReservedGivenBack);
            let room = if reserved { lease.amount.minus(lease.settled) } else { lease.room() };
            if !room.is_zero() {
                lease.amount = lease.amount.minus(room);
                records.push(Record::Release { account_id, lease_id, amount: room });
            }
            true
        });
    }

    pub(super) fn has_expired(&self, lease_id: LeaseId, now_ms: u64) -> bool {
        let held = self.leases.iter().find(|lease| lease.lease_id == lease_id);
        held.is_none_or(|lease| now_ms >= lease.expires_ms)
    }

    pub(super) fn is_needed(&self, now_ms: u64) -> bool {
        !self.leases.is_empty() || now_ms < self.unlimited_until_ms || self.rate(now_ms) > Nanos::ZERO
    }

    /// What is spent in ten seconds, roughly: what was reserved in as long, or more where calls had to wait for quota.
    pub(super) fn rate(&self, now_ms: u64) -> Nanos {
        let (current, previous, began_ms) = self.spent;
        let reserved = match now_ms.saturating_sub(began_ms) / WINDOW_MS {
            0 => current.plus(previous),
            1 => current,
            _ => Nanos::ZERO,
        };
        reserved.max(self.pace_of_newest(now_ms))
    }

    /// As many of the newest lease as ten seconds are longer than it lasted. Of a lease that is gone nothing is said.
    fn pace_of_newest(&self, now_ms: u64) -> Nanos {
        let Some((lease_id, asked_ms)) = self.newest else { return Nanos::ZERO };
        let Some(lease) = self.leases.iter().find(|lease| lease.lease_id == lease_id) else {
            return Nanos::ZERO;
        };
        let times = (2 * WINDOW_MS) / now_ms.saturating_sub(asked_ms).max(1);
        Nanos::saturating(
            u128::from(lease.amount.minus(lease.room()).get()) * u128::from(times.min(STEP_MAX)),
        )
    }

    /// How long its quota is kept for the next call, in milliseconds. Were it given back between two calls, each of them
    /// would have to ask for it anew.
    pub(super) fn patience_ms(&self) -> u64 {
        self.pause_ms.saturating_mul(PAUSES_KEPT).clamp(IDLE_MS, IDLE_MAX_MS)
    }

    fn pace(&mut self, now_ms: u64) {
        if let Some(last_ms) = self.last_ms.replace(now_ms) {
            let pause_ms = now_ms.saturating_sub(last_ms).min(IDLE_MAX_MS);
            // What is only seen once counts whole; a burst does not hide how seldom calls come otherwise.
            let before = if self.pause_ms == 0 { pause_ms } else { self.pause_ms };
            self.pause_ms = (before * 3 + pause_ms) / 4;
        }
    }

    fn measure(&mut self, amount: Nanos, now_ms: u64) {
        let (current, previous, began_ms) = self.spent;
        self.spent = match now_ms.saturating_sub(began_ms) / WINDOW_MS {
            0 => (current.plus(amount), previous, began_ms),
            1 => (amount, current, began_ms + WINDOW_MS),
            _ => (amount, Nanos::ZERO, now_ms),
        };
    }
}
