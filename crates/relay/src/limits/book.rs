//! The counters of everyone who has called lately.

use std::collections::HashMap;

use domain::{ApiTokenId, CallLimits, UserId};

use super::{
    Limited, Metered, Rates,
    counter::{Counter, Refused},
};

/// The most callers that are counted at once: beyond them a call waits until others have been quiet for a minute.
const COUNTERS_MAX: usize = 1 << 20;
/// With fewer there is nothing to tidy.
const SWEEP_MIN: usize = 1_024;
const FULL_MS: u64 = 1_000;

/// Whoever has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Token(ApiTokenId),
    User(UserId),
}

#[derive(Debug)]
pub(super) struct Book {
    counters: HashMap<Subject, Counter>,
    /// So many counters are swept; it follows what is left, so that each is looked at seldom.
    sweep_at: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self { counters: HashMap::new(), sweep_at: SWEEP_MIN }
    }
}

impl Book {
    /// Counts a call with everyone whom it concerns, or with nobody.
    pub(super) fn admit(
        &mut self,
        subjects: &[(Subject, CallLimits)],
        tokens: u64,
        now_ms: u64,
    ) -> Result<Rates, Box<Limited>> {
        let fresh = subjects.iter().filter(|(subject, _)| !self.counters.contains_key(subject)).count();
        if !self.has_room(fresh, now_ms) {
            tracing::warn!(COUNTERS_MAX, "so many callers are counted that another has to wait");
            let (metered, limit, rates) = (Metered::Callers, COUNTERS_MAX as u64, Rates::default());
            return Err(Box::new(Limited { metered, limit, wait_ms: Some(FULL_MS), rates }));
        }
        let mut refused: Option<Refused> = None;
        for (subject, limits) in subjects {
            let counter = self.counters.entry(*subject).or_default();
            counter.advance(now_ms);
            if let Err(this) = counter.check(limits, tokens, now_ms) {
                refused = Some(refused.map_or(this, |other| longer(other, this)));
            }
        }
        if let Some(Refused { metered, limit, wait_ms }) = refused {
            let rates = self.rates(subjects, now_ms);
            return Err(Box::new(Limited { metered, limit, wait_ms, rates }));
        }
        self.each(subjects.iter().map(|(subject, _)| subject), |counter| counter.begin(tokens));
        Ok(self.rates(subjects, now_ms))
    }

    pub(super) fn end(&mut self, subjects: &[Subject], expected: u64, used: u64, begun_ms: u64, now_ms: u64) {
        self.each(subjects.iter(), |counter| {
            counter.advance(now_ms);
            counter.end(begun_ms, expected, used);
        });
    }

    #[cfg(test)]
    pub(super) fn counters(&self) -> usize {
        self.counters.len()
    }

    fn each<'a>(&mut self, subjects: impl Iterator<Item = &'a Subject>, mut work: impl FnMut(&mut Counter)) {
        for subject in subjects {
            if let Some(counter) = self.counters.get_mut(subject) {
                work(counter);
            }
        }
    }

    fn rates(&self, subjects: &[(Subject, CallLimits)], now_ms: u64) -> Rates {
        let counters =
            subjects.iter().filter_map(|(subject, limits)| Some((self.counters.get(subject)?, limits)));
        counters
            .fold(Rates::default(), |rates, (counter, limits)| rates.tighter(counter.rates(limits, now_ms)))
    }

    fn has_room(&mut self, fresh: usize, now_ms: u64) -> bool {
        if self.counters.len() + fresh > self.sweep_at.min(COUNTERS_MAX) {
            self.counters.retain(|_, counter| {
                counter.advance(now_ms);
                !counter.says_nothing()
            });
            self.sweep_at = SWEEP_MIN.max(2 * self.counters.len());
        }
        self.counters.len() + fresh <= COUNTERS_MAX
    }
}

/// Of two refusals the one that holds for longer; for ever is longest.
fn longer(one: Refused, two: Refused) -> Refused {
    let is_longer = match (one.wait_ms, two.wait_ms) {
        (None, _) => false,
        (_, None) => true,
        (Some(one), Some(two)) => two > one,
    };
    if is_longer { two } else { one }
}
