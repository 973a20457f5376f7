//! How long ago a node last knew that it had heard everything, and what it may still do on what it heard then.

use eventlog::Place;
use parking_lot::Mutex;

/// So many questions are answered before anything is stale, where nothing goes wrong.
const ANSWERS_WITHIN_BOUND: u64 = 4;

/// The last time at which nothing was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Where the log ended then.
    pub place: Place,
    /// When that was asked, on the clock that also runs while the machine sleeps; negative where it was before this boot.
    pub at_ms: i64,
}

/// For how long what was heard is good for what, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalenessBounds {
    /// Who may call: beyond this nobody is let in.
    pub callers_ms: u64,
    /// What calls cost: beyond this the last prices stay, and the node says so.
    pub prices_ms: u64,
    /// Where calls go: beyond this the last channels stay, and the node says so.
    pub channels_ms: u64,
}

impl Default for StalenessBounds {
    fn default() -> Self {
        Self { callers_ms: 60_000, prices_ms: 5 * 60_000, channels_ms: 24 * 60 * 60_000 }
    }
}

/// What of a node's knowledge is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Who may call.
    pub callers: bool,
    /// What calls cost.
    pub prices: bool,
    /// Where calls go.
    pub channels: bool,
}

/// When the end of the log was last known to be reached.
#[derive(Debug)]
pub struct Freshness {
    bounds: StalenessBounds,
    last: Mutex<Option<Reached>>,
}

impl Freshness {
    /// As it was when the process before this one wrote it down, if it did.
    pub fn new(bounds: StalenessBounds, last: Option<Reached>) -> Self {
        Self { bounds, last: Mutex::new(last) }
    }

    /// How long a question may wait for news, in milliseconds, at most `most_ms`: several answers come before the shortest
    /// bound, so that one that is lost makes nothing stale.
    pub fn wait_ms(&self, most_ms: u64) -> u64 {
        let bound_ms = self.bounds.callers_ms.min(self.bounds.prices_ms).min(self.bounds.channels_ms);
        most_ms.min(bound_ms / ANSWERS_WITHIN_BOUND)
    }

    /// Nothing was missing when it was asked at `asked_ms`: not when the answer came, for it may be that old.
    pub fn reached(&self, place: Place, asked_ms: u64) {
        let at_ms = i64::try_from(asked_ms).unwrap_or(i64::MAX);
        let mut last = self.last.lock();
        // Of two questions the earlier may be answered last.
        if last.is_none_or(|last| last.place.log_id != place.log_id || last.at_ms <= at_ms) {
            *last = Some(Reached { place, at_ms });
        }
    }

    /// The last time at which nothing was missing; none where that never was.
    pub fn last(&self) -> Option<Reached> {
        *self.last.lock()
    }

    /// How long ago that was.
    pub fn age_ms(&self, now_ms: u64) -> Option<u64> {
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        self.last().map(|last| u64::try_from(now_ms.saturating_sub(last.at_ms)).unwrap_or(0))
    }

    /// What is too old now.
    pub fn stale(&self, now_ms: u64) -> Stale {
        let age_ms = self.age_ms(now_ms);
        let beyond = |bound_ms| age_ms.is_none_or(|age_ms| age_ms > bound_ms);
        Stale {
            callers: beyond(self.bounds.callers_ms),
            prices: beyond(self.bounds.prices_ms),
            channels: beyond(self.bounds.channels_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use eventlog::Place;
    use uuid::Uuid;

    use super::{Freshness, Reached, Stale, StalenessBounds};

    const BOUNDS: StalenessBounds = StalenessBounds { callers_ms: 60, prices_ms: 300, channels_ms: 1_000 };
    const PLACE: Place = Place { log_id: Uuid::nil(), position: 1 };

    #[test]
    fn what_was_heard_grows_too_old_for_one_thing_after_another() {
        let freshness = Freshness::new(BOUNDS, None);
        assert_eq!(freshness.stale(0), Stale { callers: true, prices: true, channels: true });
        freshness.reached(PLACE, 1_000);
        for (now_ms, callers, prices, channels) in [
            (1_000, false, false, false),
            (1_060, false, false, false),
            (1_061, true, false, false),
            (1_301, true, true, false),
            (2_001, true, true, true),
        ] {
            assert_eq!(freshness.stale(now_ms), Stale { callers, prices, channels }, "{now_ms}");
        }
        freshness.reached(PLACE, 2_000);
        assert_eq!(freshness.stale(2_001), Stale::default());
    }

    #[test]
    fn an_answer_that_was_overtaken_makes_nothing_older() {
        let freshness = Freshness::new(BOUNDS, None);
        freshness.reached(PLACE, 2_000);
        freshness.reached(PLACE, 1_000);
        assert_eq!(freshness.age_ms(2_010), Some(10));
    }

    #[test]
    fn what_was_heard_before_the_machine_started_is_as_old_as_it_is() {
        let freshness = Freshness::new(BOUNDS, Some(Reached { place: PLACE, at_ms: -100 }));
        assert_eq!(freshness.age_ms(50), Some(150));
        assert!(freshness.stale(0).callers);
    }
}
