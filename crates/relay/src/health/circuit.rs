//! One circuit: closed while all is well, resting after too many failures, probing after the rest.

use std::time::Duration;

/// So many failures in a row are too many.
pub(super) const IN_A_ROW_MAX: u32 = 5;
/// So many refusals of a key in a row are too many, where a single one may be about the request.
pub(super) const DOUBTS_MAX: u32 = 3;
/// So many failures of a hundred are too many, once a window has seen enough attempts.
const PERCENT_MAX: u32 = 50;
pub(super) const ATTEMPTS_MIN: u32 = 20;
pub(super) const WINDOW_MS: u64 = 60_000;
/// The first rest; after each probe that fails the next is twice as long.
pub(super) const REST_MS_MIN: u64 = 5_000;
pub(super) const REST_MS_MAX: u64 = 300_000;
/// No provider's `Retry-After` is believed beyond this: then it is probed.
pub(super) const RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// So many attempts at once find out whether all is well again.
pub(super) const PROBES_MAX: u32 = 1;
/// When to come back while others probe.
const PROBE_MS: u64 = 1_000;

/// What went wrong, sorted by what it says about the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It broke, or did not answer in time; it may say when to come back.
    Failed(Option<Duration>),
    /// It takes no more for now; it may say until when.
    Limited(Option<Duration>),
    /// It does not know our key.
    Refused,
    /// It refuses our key, or only this request.
    Doubted,
}

/// Why something rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Too many requests were sent there.
    Limited,
    /// It does not work.
    Failing,
}

/// How an attempt came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pass {
    #[default]
    Freely,
    AsProbe,
}

/// No attempt comes through before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) until_ms: u64,
    pub(super) why: Why,
}

/// A circuit that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// When a probe may be made; nothing while one is under way.
    pub(super) until_ms: Option<u64>,
    pub(super) why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Resting(Rest),
    Probing { probes: u32, why: Why },
}

/// Failures in a row and within a window, and what came of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circuit {
    state: State,
    in_a_row: u32,
    window_since_ms: u64,
    attempts: u32,
    failures: u32,
    /// Rests that ended in a probe that failed.
    rests: u32,
}

impl Circuit {
    /// One that knows of no failure.
    pub(super) const fn closed() -> Self {
        Self { state: State::Closed, in_a_row: 0, window_since_ms: 0, attempts: 0, failures: 0, rests: 0 }
    }

    /// One whose rest is over: only probes come through.
    pub(super) const fn rested(now_ms: u64) -> Self {
        let rest = Rest { until_ms: now_ms, why: Why::Failing };
        Self { state: State::Resting(rest), ..Self::closed() }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What stands in an attempt's way, if anything: until when, or whether it is being found out.
    pub(super) const fn standing(&self) -> Option<Standing> {
        match self.state {
            State::Closed => None,
            State::Resting(rest) => Some(Standing { until_ms: Some(rest.until_ms), why: rest.why }),
            State::Probing { why, .. } => Some(Standing { until_ms: None, why }),
        }
    }

    /// Whether a new one would do as well: all has been well for a window, or nobody has asked for long.
    pub(super) const fn says_nothing(&self, now_ms: u64) -> bool {
        match self.state {
            State::Closed if self.in_a_row == 0 && self.failures == 0 => true,
            State::Closed => now_ms >= self.window_since_ms.saturating_add(WINDOW_MS),
            State::Resting(rest) => now_ms >= rest.until_ms.saturating_add(REST_MS_MAX),
            State::Probing { .. } => false,
        }
    }

    /// Lets an attempt through, or says how long none comes through.
    pub(super) fn admit(&mut self, now_ms: u64) -> Result<Pass, Rest> {
        let (probes, why) = match self.state {
            State::Closed => return Ok(Pass::Freely),
            State::Resting(rest) if now_ms < rest.until_ms => return Err(rest),
            State::Resting(rest) => (0, rest.why),
            State::Probing { probes, why } => (probes, why),
        };
        if probes >= PROBES_MAX {
            return Err(Rest { until_ms: now_ms.saturating_add(PROBE_MS), why });
        }
        self.state = State::Probing { probes: probes + 1, why };
        Ok(Pass::AsProbe)
    }

    /// Gives a pass back that led to no verdict.
    pub(super) fn give_back(&mut self, pass: Pass, now_ms: u64) {
        if let (Pass::AsProbe, State::Probing { probes, why }) = (pass, self.state) {
            self.state = match probes.saturating_sub(1) {
                0 => State::Resting(Rest { until_ms: now_ms, why }),
                probes => State::Probing { probes, why },
            };
        }
    }

    pub(super) fn succeeded(&mut self, pass: Pass, now_ms: u64) {
        match (self.state, pass) {
            (State::Probing { .. }, Pass::AsProbe) => *self = Self::closed(),
            (State::Closed, _) => {
                self.count(now_ms);
                self.in_a_row = 0;
            }
            // Sent before the failures were known, so it does not say that they are over.
            (State::Resting(_) | State::Probing { .. }, _) => {}
        }
    }

    pub(super) fn failed(&mut self, pass: Pass, fault: Fault, now_ms: u64) {
        match (self.state, pass) {
            (State::Probing { .. }, Pass::AsProbe) => {
                self.rests = self.rests.saturating_add(1);
                self.rest(fault, now_ms);
            }
            (State::Closed, _) => {
                self.count(now_ms);
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.failures = self.failures.saturating_add(1);
                if self.is_enough(fault) {
                    self.rest(fault, now_ms);
                }
            }
            // Known already; but a provider may say that it takes longer.
            (State::Resting(rest), _) => {
                let until_ms = fault.told_ms().map_or(rest.until_ms, |told| now_ms.saturating_add(told));
                self.state = State::Resting(Rest { until_ms: until_ms.max(rest.until_ms), ..rest });
            }
            (State::Probing { .. }, Pass::Freely) => {}
        }
    }

    fn count(&mut self, now_ms: u64) {
        if now_ms >= self.window_since_ms.saturating_add(WINDOW_MS) {
            (self.window_since_ms, self.attempts, self.failures) = (now_ms, 0, 0);
        }
        self.attempts = self.attempts.saturating_add(1);
    }

    fn is_enough(&self, fault: Fault) -> bool {
        let in_a_row_max = match fault {
            Fault::Refused | Fault::Failed(Some(_)) | Fault::Limited(Some(_)) => 1,
            Fault::Doubted => DOUBTS_MAX,
            Fault::Failed(None) | Fault::Limited(None) => IN_A_ROW_MAX,
        };
        let is_share = self.failures.saturating_mul(100) >= self.attempts.saturating_mul(PERCENT_MAX);
        self.in_a_row >= in_a_row_max || (self.attempts >= ATTEMPTS_MIN && is_share)
    }

    fn rest(&mut self, fault: Fault, now_ms: u64) {
        let doubled = REST_MS_MIN.saturating_mul(1 << self.rests.min(16)).min(REST_MS_MAX);
        let until_ms = now_ms.saturating_add(fault.told_ms().unwrap_or(doubled));
        self.state = State::Resting(Rest { until_ms, why: fault.why() });
    }
}

impl Fault {
    /// Whether it is the key's, whatever the model.
    pub(super) const fn is_of_key(self) -> bool {
        matches!(self, Self::Refused | Self::Doubted)
    }

    const fn why(self) -> Why {
        match self {
            Self::Limited(_) => Why::Limited,
            Self::Failed(_) | Self::Refused | Self::Doubted => Why::Failing,
        }
    }

    /// The pause that the provider asks for.
    fn told_ms(self) -> Option<u64> {
        let (Self::Failed(told) | Self::Limited(told)) = self else { return None };
        Some(u64::try_from(told?.as_millis()).unwrap_or(u64::MAX).min(RETRY_AFTER_MS_MAX))
    }
}
