//! The counters of everything that was asked for lately.

use std::collections::{BTreeMap, HashMap};

use domain::CallLimits;

use super::{
    Limited, Limiter, Metered, Rates,
    counter::{Counter, Refused},
    exchange::Sharing,
    shared::Footing,
    subject::Subject,
};

/// The most subjects that are counted at once: beyond them a call waits until others have been quiet for a minute.
const COUNTERS_MAX: usize = 1 << 20;
/// With fewer there is nothing to tidy.
const SWEEP_MIN: usize = 1_024;
const FULL_MS: u64 = 1_000;

/// What is counted, for whoever watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsView {
    /// How many calls were refused, by whose limit and of what.
    pub refused: BTreeMap<(&'static str, Metered), u64>,
    /// How many counters there are.
    pub counters: usize,
    /// How the other nodes count; `None` where each node counts for itself.
    pub sharing: Option<SharingView>,
}

/// How this node and the others count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharingView {
    /// How many there are, this one among them.
    pub nodes: u64,
    /// Whether the others are not heard.
    pub is_away: bool,
    /// How many counters wait to be told.
    pub waiting: usize,
}

#[derive(Debug)]
pub(super) struct Book {
    pub(super) counters: HashMap<Subject, Counter>,
    /// So many counters are swept; it follows what is left, so that each is looked at seldom.
    sweep_at: usize,
    refused: BTreeMap<(&'static str, Metered), u64>,
    /// Where other nodes count too.
    pub(super) sharing: Option<Sharing>,
}

impl Default for Book {
    fn default() -> Self {
        let (counters, refused) = (HashMap::new(), BTreeMap::new());
        Self { counters, sweep_at: SWEEP_MIN, refused, sharing: None }
    }
}

impl Book {
    /// Counts a call with each whom it concerns, or with none.
    pub(super) fn admit(
        &mut self,
        subjects: &[(Subject, CallLimits)],
        tokens: u64,
        now_ms: u64,
    ) -> Result<Rates, Box<Limited>> {
        let fresh = subjects.iter().filter(|(subject, _)| !self.counters.contains_key(subject)).count();
        if !self.has_room(fresh, now_ms) {
            tracing::warn!(COUNTERS_MAX, "so many callers are counted that another has to wait");
            let (metered, limit) = (Metered::Callers, COUNTERS_MAX as u64);
            let refused = Refused { metered, limit, wait_ms: Some(FULL_MS) };
            return Err(Box::new(self.refuse(Limiter::Process, refused, Rates::default())));
        }
        let footing = self.footing(now_ms);
        let mut refused: Option<(&Subject, Refused)> = None;
        for (subject, limits) in subjects {
            let counter = self.counter(subject);
            counter.advance(now_ms);
            if let Err(this) = counter.check(limits, tokens, footing, now_ms) {
                counter.hurry();
                refused = Some(refused.map_or((subject, this), |other| longer(other, (subject, this))));
            }
        }
        if let Some((subject, refused)) = refused {
            self.wait_to_tell(subject);
            let rates = self.rates(subjects, now_ms);
            return Err(Box::new(self.refuse(subject.limiter(), refused, rates)));
        }
        for (subject, limits) in subjects {
            if let Some(counter) = self.counters.get_mut(subject) {
                counter.begin(tokens, limits, footing);
            }
            self.wait_to_tell(subject);
        }
        Ok(self.rates(subjects, now_ms))
    }

    pub(super) fn end(&mut self, subjects: &[Subject], expected: u64, used: u64, begun_ms: u64, now_ms: u64) {
        for subject in subjects {
            if let Some(counter) = self.counters.get_mut(subject) {
                counter.advance(now_ms);
                counter.end(begun_ms, expected, used);
            }
            self.wait_to_tell(subject);
        }
    }

    pub(super) fn view(&self, now_ms: u64) -> LimitsView {
        let is_away = matches!(self.footing(now_ms), Footing::Away { .. });
        let sharing = self.sharing.as_ref().map(|sharing| sharing.view(is_away));
        LimitsView { refused: self.refused.clone(), counters: self.counters.len(), sharing }
    }

    fn counter(&mut self, subject: &Subject) -> &mut Counter {
        let is_shared = self.sharing.is_some();
        let fresh = || if is_shared { Counter::shared() } else { Counter::default() };
        self.counters.entry(subject.clone()).or_insert_with(fresh)
    }

    fn refuse(&mut self, limiter: Limiter, refused: Refused, rates: Rates) -> Limited {
        let Refused { metered, limit, wait_ms } = refused;
        *self.refused.entry((limiter.kind(), metered)).or_default() += 1;
        Limited { limiter, metered, limit, wait_ms, rates }
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
                !counter.says_nothing(now_ms)
            });
            self.sweep_at = SWEEP_MIN.max(2 * self.counters.len());
        }
        self.counters.len() + fresh <= COUNTERS_MAX
    }
}

/// Of two refusals the one that holds for longer; for ever is longest.
fn longer<T>(one: (T, Refused), two: (T, Refused)) -> (T, Refused) {
    let is_longer = match (one.1.wait_ms, two.1.wait_ms) {
        (None, _) => false,
        (_, None) => true,
        (Some(one), Some(two)) => two > one,
    };
    if is_longer { two } else { one }
}
