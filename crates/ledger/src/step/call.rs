//! A call that has not ended.

use domain::{
    Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Extension, Flag, Settlement},
    price::Usage,
};

use crate::{
    mutant::{self, Mutant},
    record::{CallPart, Record},
};

/// A call that has not ended, and what is known of it.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) facts: CallFacts,
    pub(super) attempts: Vec<Attempt>,
    pub(super) output_tokens: u64,
    /// Where its records begin that a restart would read; 0 where nothing is written yet.
    stands_at: u64,
    /// Where it was written down once more: the first record and the last.
    repeated_at: Option<(u64, u64)>,
}

impl OpenCall {
    pub(super) const fn new(facts: CallFacts) -> Self {
        Self { facts, attempts: Vec::new(), output_tokens: 0, stands_at: 0, repeated_at: None }
    }

    pub(super) const fn stands_at(&self) -> u64 {
        self.stands_at
    }

    pub(super) const fn was_written(&mut self, seq: u64) {
        self.stands_at = seq;
        self.repeated_at = None;
    }

    /// Whether it is still only where files are about to go, of which `last_seq` is the last record.
    pub(super) const fn expires(&self, last_seq: u64) -> bool {
        self.stands_at != 0 && self.stands_at <= last_seq && self.repeated_at.is_none()
    }

    pub(super) const fn was_repeated(&mut self, first_seq: u64, last_seq: u64) {
        self.repeated_at = Some((first_seq, last_seq));
    }

    /// The repetition counts once all of it is where no power loss reaches.
    pub(super) fn relies_on_repetition(&mut self, durable: u64) {
        if let Some((first_seq, _)) = self.repeated_at.take_if(|(_, last_seq)| *last_seq <= durable) {
            self.stands_at = first_seq;
        }
    }

    /// All that is known of it, as its own records would say it.
    pub(super) fn repetition(&self) -> Vec<Record> {
        let call = CallPart::of(&self.facts);
        let attempts = self.attempts.iter().map(|attempt| Record::Sent { call, attempt: attempt.clone() });
        std::iter::once(Record::Reserve(Box::new(self.facts.clone())))
            .chain(attempts)
            .chain([Record::Progress { call, output_tokens: self.output_tokens }])
            .collect()
    }

    pub(super) fn extend(&mut self, extension: Extension) {
        self.facts.reserved = self.facts.reserved.plus(extension.amount);
        if !mutant::is(Mutant::ExtensionForgotten) {
            self.facts.extensions.push(extension);
        }
    }

    pub(super) fn retract(&mut self) -> Option<Extension> {
        let extension = self.facts.extensions.pop()?;
        self.facts.reserved = self.facts.reserved.minus(extension.amount);
        Some(extension)
    }

    /// An attempt that was named before is the same one, said again.
    pub(super) fn sent(&mut self, attempt: Attempt) {
        match self.attempts.iter_mut().find(|known| known.attempt == attempt.attempt) {
            Some(known) => *known = attempt,
            None => self.attempts.push(attempt),
        }
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
        mut self,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
        ended_at: TimeStamp,
    ) -> Settlement {
        if mutant::is(Mutant::FirstAccountOnly) {
            self.facts.scopes.truncate(1);
        }
        // A clock that was set back in between must not make a call end before it began.
        let ended_at = ended_at.max(self.facts.started_at);
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
