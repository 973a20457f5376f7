//! A call as its caller tells it, what is left of it on disk, and what its provider billed.

use std::collections::BTreeMap;

use domain::{AccountId, JournalId, account::AttemptOutcome};
use ledger::record::CallPart;

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

/// Where a record stands.
pub(crate) type Place = (JournalId, u64);

/// One part of a call.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) node: usize,
    /// Under which boot of its machine it was reserved.
    pub(crate) boot: u32,
    pub(crate) accounts: Vec<AccountId>,
    /// What was reserved at first.
    pub(crate) reserved_first: u64,
    /// With where their records stand.
    pub(crate) marks: Vec<(Place, Mark)>,
    /// Where its end was written down once more.
    pub(crate) carried: Vec<Place>,
    /// Whether a power loss took some of them.
    pub(crate) torn: bool,
    pub(crate) attempts: u32,
    pub(crate) flight: Option<Flight>,
    /// The tokens of its answer, once it is whole.
    pub(crate) answered: Option<u64>,
}

impl Story {
    /// How it ended and which record says so.
    pub(crate) fn end(&self) -> Option<(Place, Mark)> {
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

    /// Its machine lost power: what came after record `kept` of its journal is gone.
    pub(crate) fn cut(&mut self, journal_id: JournalId, kept: u64) {
        let before = self.marks.len();
        self.marks.retain(|((written_to, seq), _)| *written_to != journal_id || *seq <= kept);
        self.torn |= self.marks.len() < before;
        self.left_alone();
    }
}

/// What the provider billed, attempt by attempt.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    pub(crate) billed: BTreeMap<(CallPart, u32), u64>,
    /// The amount of the attempt that answered.
    pub(crate) answered: BTreeMap<CallPart, u64>,
}

impl Provider {
    pub(crate) fn bills(&mut self, call: CallPart, attempt: u32, amount: u64) {
        self.billed.insert((call, attempt), amount);
    }

    pub(crate) fn attempts(&self, call: CallPart) -> impl Iterator<Item = u32> {
        self.billed.range((call, 0)..=(call, u32::MAX)).map(|((_, attempt), _)| *attempt)
    }
}
