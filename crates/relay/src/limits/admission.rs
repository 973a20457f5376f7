//! A call that was counted.

use std::sync::Arc;

use super::{Limits, Rates, Subject};

/// Counts as open until it is dropped; what it was expected to take is then made what it took.
pub(crate) struct Admission {
    limits: Option<Arc<Limits>>,
    subjects: Vec<Subject>,
    expected: u64,
    used: u64,
    admitted_ms: u64,
    rates: Rates,
}

impl Admission {
    /// Of what has no limits: nothing is counted.
    pub(crate) const fn unlimited() -> Self {
        let rates = Rates { requests: None, tokens: None };
        Self { limits: None, subjects: Vec::new(), expected: 0, used: 0, admitted_ms: 0, rates }
    }

    pub(super) const fn new(
        limits: Arc<Limits>,
        subjects: Vec<Subject>,
        expected: u64,
        admitted_ms: u64,
        rates: Rates,
    ) -> Self {
        Self { limits: Some(limits), subjects, expected, used: 0, admitted_ms, rates }
    }

    /// What was left once it was counted.
    pub(crate) const fn rates(&self) -> Rates {
        self.rates
    }

    /// The call took so many tokens.
    pub(crate) const fn used(&mut self, tokens: u64) {
        self.used = tokens;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(limits) = self.limits.take() {
            limits.end(&self.subjects, self.expected, self.used, self.admitted_ms);
        }
    }
}
