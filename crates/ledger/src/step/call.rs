//! A call that has not ended.

use domain::{
    Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Flag, Settlement},
    price::Usage,
};

/// A call that has not ended, and what is known of it.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) facts: CallFacts,
    pub(super) attempts: Vec<Attempt>,
    pub(super) output_tokens: u64,
}

impl OpenCall {
    pub(super) const fn new(facts: CallFacts) -> Self {
        Self { facts, attempts: Vec::new(), output_tokens: 0 }
    }

    pub(super) fn end_attempt(&mut self, attempt: u32, outcome: AttemptOutcome) {
        if let Some(found) = self.attempts.iter_mut().find(|found| found.attempt == attempt) {
            found.outcome = outcome;
        }
    }

    /// Only what is provably unbilled may be voided.
    pub(super) fn may_be_billed(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.outcome != AttemptOutcome::Unbilled)
    }

    pub(super) fn settled(
        self,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
        ended_at: TimeStamp,
    ) -> Settlement {
        Settlement { facts: self.facts, attempts: self.attempts, usage, amount, flags, ended_at }
    }

    /// The end of a call whose node died: what is known to have been used, never more than was reserved.
    pub(super) fn in_doubt(self, ended_at: TimeStamp) -> Settlement {
        let usage = Usage {
            input_tokens: self.facts.input_tokens,
            output_tokens: self.output_tokens,
            ..Usage::default()
        };
        let bill = self.facts.pinned.bill(&usage, self.facts.service_tier.as_deref());
        let amount = bill.min(self.facts.reserved);
        self.settled(usage, amount, vec![Flag::InDoubt, Flag::Counted], ended_at)
    }
}
