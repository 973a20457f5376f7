//! A call as its caller tells it, what is left of it on disk, and what its provider billed.

use std::collections::BTreeMap;

use domain::{AccountId, CallId, account::AttemptOutcome};

/// What was written down of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Reserved,
    Sent(u32),
    Ended(u32, AttemptOutcome),
    Progress(u64),
    /// So much more was set aside.
    Extended(u64),
    Settled {
        amount: u64,
        doubt: Doubt,
    },
    Voided,
}

/// How sure the end of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// An attempt answered.
    Answered,
    /// None did, yet one may have been billed.
    Unanswered,
    /// The process died.
    Died,
}

/// The attempt at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flight {
    /// Written down, not sent.
    Written,
    /// Turned down before it could cost anything.
    Refused,
    /// Nobody knows.
    TimedOut,
    /// It will have so many tokens, and so many were seen.
    Answers { tokens: u64, seen: u64 },
}

/// One call.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) node: usize,
    /// Under which boot of its machine it was reserved.
    pub(crate) boot: u32,
    pub(crate) accounts: Vec<AccountId>,
    /// What was reserved at first.
    pub(crate) reserved_first: u64,
    /// With the numbers of their records.
    pub(crate) marks: Vec<(u64, Mark)>,
    /// Whether a power loss took some of them.
    pub(crate) torn: bool,
    pub(crate) attempts: u32,
    pub(crate) flight: Option<Flight>,
    /// The tokens of its answer, once it is whole.
    pub(crate) answered: Option<u64>,
}

impl Story {
    /// How it ended and which record says so.
    pub(crate) fn end(&self) -> Option<(u64, Mark)> {
        let ends = |mark: &Mark| matches!(mark, Mark::Settled { .. } | Mark::Voided);
        self.marks.iter().copied().find(|(_, mark)| ends(mark))
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.marks.is_empty() && self.end().is_none()
    }

    /// Whether what is on disk leaves open that it was billed.
    pub(crate) fn may_be_billed(&self) -> bool {
        let sent = self.marks.iter().filter(|(_, mark)| matches!(mark, Mark::Sent(_))).count();
        let unbilled = |mark: &Mark| matches!(mark, Mark::Ended(_, AttemptOutcome::Unbilled));
        sent > self.marks.iter().filter(|(_, mark)| unbilled(mark)).count()
    }

    /// All that was set aside, as far as it is on disk.
    pub(crate) fn reserved(&self) -> u64 {
        let extended = self.marks.iter().map(|(_, mark)| match mark {
            Mark::Extended(more) => *more,
            _ => 0,
        });
        self.reserved_first + extended.sum::<u64>()
    }

    /// How often more was set aside.
    pub(crate) fn extensions(&self) -> usize {
        self.marks.iter().filter(|(_, mark)| matches!(mark, Mark::Extended(_))).count()
    }

    /// The tokens that the last word on disk counts.
    pub(crate) fn progress(&self) -> u64 {
        let seen = self.marks.iter().rev().find_map(|(_, mark)| match mark {
            Mark::Progress(tokens) => Some(*tokens),
            _ => None,
        });
        seen.unwrap_or(0)
    }

    /// Its process died.
    pub(crate) fn left_alone(&mut self) {
        (self.flight, self.answered) = (None, None);
    }

    /// Its machine lost power: what came after record `kept` is gone.
    pub(crate) fn cut(&mut self, kept: u64) {
        let before = self.marks.len();
        self.marks.retain(|(seq, _)| *seq <= kept);
        self.torn |= self.marks.len() < before;
        self.left_alone();
    }
}

/// What the provider billed, attempt by attempt.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    pub(crate) billed: BTreeMap<(CallId, u32), u64>,
    /// The amount of the attempt that answered.
    pub(crate) answered: BTreeMap<CallId, u64>,
}

impl Provider {
    pub(crate) fn bills(&mut self, call_id: CallId, attempt: u32, amount: u64) {
        self.billed.insert((call_id, attempt), amount);
    }

    pub(crate) fn attempts(&self, call_id: CallId) -> impl Iterator<Item = u32> {
        self.billed.range((call_id, 0)..=(call_id, u32::MAX)).map(|((_, attempt), _)| *attempt)
    }
}
