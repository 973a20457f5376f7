//! What was asked for within the last minute, as nodes tell one another.

/// How long a slot is, in milliseconds.
pub const SLOT_MS: u64 = 5_000;
/// A minute reaches into so many slots.
pub const SLOTS: usize = 13;

/// What one node has counted of something that is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls begun, by how many slots of [`SLOT_MS`] ago that was.
    pub requests: [u64; SLOTS],
    /// Tokens taken, in the same way.
    pub tokens: [u64; SLOTS],
    /// Calls that are open.
    pub open: u32,
}

impl CallCounts {
    /// For how long what a node said of its open calls is believed, in milliseconds: it says so again while they are open.
    pub const OPEN_MS: u64 = 15_000;

    /// What stands of it so long after it was told. Never too little: what is left of a slot is not known.
    #[must_use]
    pub fn aged(&self, ms: u64) -> Self {
        let slots = usize::try_from(ms / SLOT_MS).unwrap_or(SLOTS).min(SLOTS);
        let aged = |counts: &[u64; SLOTS]| {
            let mut older = [0; SLOTS];
            older[slots..].copy_from_slice(&counts[..SLOTS - slots]);
            older
        };
        let open = if ms <= Self::OPEN_MS { self.open } else { 0 };
        Self { requests: aged(&self.requests), tokens: aged(&self.tokens), open }
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        let requests = self.requests.iter_mut().zip(&other.requests);
        for (sum, count) in requests.chain(self.tokens.iter_mut().zip(&other.tokens)) {
            *sum = sum.saturating_add(*count);
        }
        self.open = self.open.saturating_add(other.open);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{CallCounts, SLOT_MS, SLOTS};

    fn counts() -> CallCounts {
        let mut counts = CallCounts { open: 3, ..CallCounts::default() };
        (counts.requests[0], counts.requests[11], counts.tokens[12]) = (1, 2, 4);
        counts
    }

    #[test]
    fn what_was_told_ages_by_whole_slots_and_what_is_past_is_gone() {
        assert_eq!(counts().aged(SLOT_MS - 1), counts());
        let aged = counts().aged(SLOT_MS);
        assert_eq!((aged.requests[1], aged.requests[12], aged.tokens), (1, 2, [0; SLOTS]));
        assert_eq!(counts().aged(u64::MAX), CallCounts::default());
    }

    #[test]
    fn open_calls_are_believed_for_a_while_only() {
        assert_eq!(counts().aged(CallCounts::OPEN_MS).open, 3);
        assert_eq!(counts().aged(CallCounts::OPEN_MS + 1).open, 0);
    }

    #[test]
    fn sums_are_slot_by_slot() {
        let sum = counts().plus(&counts().aged(SLOT_MS));
        assert_eq!((sum.requests[0], sum.requests[1], sum.requests[11], sum.open), (1, 1, 2, 6));
    }
}
