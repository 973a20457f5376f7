//! What must hold, and what is said when it does not.

use std::fmt;

/// The invariants, numbered as in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// I1: balances are the sums of what happened, and what is pending is what the open leases hold.
    Balances,
    /// I2: an account is overdrawn only by what is flagged, and nobody is granted what is not there.
    Overspent,
    /// I3: a call ends once.
    EndsOnce,
    /// I4: what was billed is charged, as it was billed; what was not is not.
    Charged,
    /// I5: what is known of a journal is what its disk holds.
    Cursors,
    /// I10: every attempt that was billed is named.
    Attempts,
    /// The audit that also runs in production.
    Audit,
    /// Something failed that was not made to fail.
    Machinery,
}

/// A rule that was broken.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    what: String,
}

/// What comes of a step.
pub(crate) type Checked<T = ()> = Result<T, Violation>;

impl Violation {
    pub(crate) const fn new(rule: Rule, what: String) -> Self {
        Self { rule, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

impl<E: std::error::Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self::new(Rule::Machinery, error.to_string())
    }
}

/// Breaks `rule` unless it holds.
pub(crate) fn holds(rule: Rule, held: bool, what: impl FnOnce() -> String) -> Checked {
    if held { Ok(()) } else { Err(Violation::new(rule, what())) }
}
