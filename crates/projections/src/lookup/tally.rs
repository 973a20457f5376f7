//! How look-ups went.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of memory among the tiers.
pub(super) const MEMORY: usize = 0;
/// The number of the snapshot's file.
pub(super) const FILE: usize = 1;

/// The number of a tier beyond these.
pub(super) const fn tier(number: usize) -> usize {
    number + 2
}

/// What a tier came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupOutcome {
    /// It had the token.
    Found,
    /// It told that there is none.
    Unknown,
    /// It did not have it.
    Missing,
    /// What it had was changed since.
    Older,
    /// What it had was written by nobody who may.
    Forged,
    /// It did not answer, or could not be read.
    Away,
}

impl LookupOutcome {
    const ALL: [Self; 6] = [Self::Found, Self::Unknown, Self::Missing, Self::Older, Self::Forged, Self::Away];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
            Self::Older => "older",
            Self::Forged => "forged",
            Self::Away => "away",
        }
    }
}

/// How often a tier came to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupCount {
    /// The tier.
    pub tier: &'static str,
    /// What it came to.
    pub outcome: LookupOutcome,
    /// How often.
    pub count: u64,
}

/// Counts by tier.
pub(super) struct Tally(Vec<(&'static str, [AtomicU64; LookupOutcome::ALL.len()])>);

impl Tally {
    pub(super) fn of(tiers: impl Iterator<Item = &'static str>) -> Self {
        Self(["memory", "file"].into_iter().chain(tiers).map(|tier| (tier, Default::default())).collect())
    }

    pub(super) fn count(&self, tier: usize, outcome: LookupOutcome) {
        if let Some(counter) = self.0.get(tier).and_then(|(_, counts)| counts.get(outcome as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those that were counted.
    pub(super) fn read(&self) -> Vec<LookupCount> {
        let of = |(tier, counts): &(&'static str, [AtomicU64; LookupOutcome::ALL.len()])| {
            let tier = *tier;
            let counts = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
            LookupOutcome::ALL.into_iter().zip(counts).map(move |(outcome, count)| LookupCount {
                tier,
                outcome,
                count,
            })
        };
        self.0.iter().flat_map(of).filter(|counted| counted.count > 0).collect()
    }
}
