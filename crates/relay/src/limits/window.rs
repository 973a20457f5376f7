//! What happened within the last minute, in slots: a sum that is never too small.

use domain::{SLOT_MS, SLOTS};

/// How many slots a minute reaches into, for counting in time.
const SLOTS_LONG: u64 = SLOTS as u64;

/// A sum over the last minute and at most one slot more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    counts: [u64; SLOTS],
    newest: u64,
}

const fn slot_of(time_ms: u64) -> u64 {
    time_ms / SLOT_MS
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS_LONG).unwrap_or(0)
}

impl Window {
    /// What somebody else has counted, by how many slots ago that was. Put a slot later than it was told, for theirs begin
    /// at other moments than ours: nothing is forgotten before its minute is over.
    pub(super) fn of_ages(ages: &[u64; SLOTS], now_ms: u64) -> Self {
        let mut window = Self { counts: [0; SLOTS], newest: slot_of(now_ms) };
        for (age, count) in (0_u64..).zip(ages) {
            if let Some(slot) = window.newest.checked_sub(age.saturating_sub(1)) {
                let counted = &mut window.counts[place(slot)];
                *counted = counted.saturating_add(*count);
            }
        }
        window
    }

    /// How much there was, by how many slots ago.
    pub(super) fn ages(&self) -> [u64; SLOTS] {
        let mut ages = [0; SLOTS];
        for (age, count) in (0_u64..).zip(&mut ages) {
            *count = self.newest.checked_sub(age).map_or(0, |slot| self.counts[place(slot)]);
        }
        ages
    }

    /// Both together; both advanced to the same moment.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum = sum.saturating_add(*count);
        }
        self
    }

    /// Forgets what is past.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let now = slot_of(now_ms);
        if now <= self.newest {
            return;
        }
        for slot in (self.newest + 1..=now).take(SLOTS) {
            self.counts[place(slot)] = 0;
        }
        if now - self.newest > SLOTS_LONG {
            self.counts = [0; SLOTS];
        }
        self.newest = now;
    }

    pub(super) fn sum(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds to the newest slot.
    pub(super) fn add(&mut self, count: u64) {
        let newest = &mut self.counts[place(self.newest)];
        *newest = newest.saturating_add(count);
    }

    /// Takes back what was added at `time_ms`, if that is not past.
    pub(super) fn take_back(&mut self, time_ms: u64, count: u64) {
        let slot = slot_of(time_ms);
        if slot <= self.newest && self.newest - slot < SLOTS_LONG {
            let counted = &mut self.counts[place(slot)];
            *counted = counted.saturating_sub(count);
        }
    }

    /// How long until `needed` more stay within `max`; `None` where they never do.
    pub(super) fn wait_ms(&self, needed: u64, max: u64, now_ms: u64) -> Option<u64> {
        let mut left = self.sum();
        if left.saturating_add(needed) <= max {
            return Some(0);
        }
        for slot in self.slots() {
            left -= self.counts[place(slot)];
            if left.saturating_add(needed) <= max {
                return Some(((slot + SLOTS_LONG) * SLOT_MS).saturating_sub(now_ms));
            }
        }
        None
    }

    /// How long until all is past.
    pub(super) fn reset_ms(&self, now_ms: u64) -> u64 {
        let last = self.slots().filter(|slot| self.counts[place(*slot)] > 0).last();
        last.map_or(0, |slot| ((slot + SLOTS_LONG) * SLOT_MS).saturating_sub(now_ms))
    }

    /// The slots that are not past, oldest first.
    fn slots(&self) -> impl Iterator<Item = u64> + use<> {
        (self.newest + 1).saturating_sub(SLOTS_LONG)..=self.newest
    }
}
