//! What an open call holds, against what has come of its answer: when that is too little, how much more is asked for,
//! and how the call goes on in another part.

use std::sync::Arc;

use domain::{
    Nanos,
    account::{AttemptOutcome, CallFacts, CallPart, Flag},
    price::Usage,
};

use super::OpenCall;
use crate::{
    Ledger, ReserveError,
    measured::{Measured, output_only},
    reservation::OUTPUT_TOKENS_FLOOR,
};

/// Another part of a call, reserved and not begun. Dropped as it is, it is void.
pub(crate) struct NextPart {
    ledger: Arc<dyn Ledger>,
    /// `None` once it was begun.
    facts: Option<Box<CallFacts>>,
}

impl Drop for NextPart {
    fn drop(&mut self) {
        let Some(facts) = self.facts.take() else { return };
        if let Err(error) = self.ledger.void(CallPart::of(&facts)) {
            let trace_id = facts.trace.map(|context| context.trace_text());
            tracing::error!(call_id = %facts.call_id, trace_id, facts.part, %error, "a part that was not begun was not voided");
        }
    }
}

impl OpenCall {
    /// Whether more may have been used than what is set aside covers: from then on more is asked for.
    pub(crate) fn may_have_outgrown(&mut self, measured: &Measured) -> bool {
        if let Some(stated) = &measured.stated {
            let input_tokens = stated.input_tokens.saturating_sub(self.charged.input_tokens);
            if input_tokens > self.input_tokens {
                self.input_tokens = input_tokens;
                self.count_covered();
            }
        }
        measured.most(0).output_tokens > self.covered
    }

    /// Whether more was surely used than is set aside. A count of text alone is not enough for that: a stream that keeps
    /// to its limit must not be cut.
    pub(crate) fn has_outgrown(&self, measured: &Measured) -> bool {
        let least = measured.least(self.charged.input_tokens.saturating_add(self.facts.input_tokens));
        self.bill(&least.minus(&self.charged)) > self.facts.reserved
    }

    /// Asks for as much again as is set aside, at least for what has come and a little more.
    pub(crate) fn ask_for_more(
        &self,
        measured: &Measured,
    ) -> impl Future<Output = Result<Nanos, ReserveError>> + Send + use<> {
        let most = measured.most(self.charged.input_tokens.saturating_add(self.facts.input_tokens));
        let lacking = self.bill(&most.minus(&self.charged)).minus(self.facts.reserved);
        let floor = lacking.plus(self.estimate(0, self.a_little()));
        let (ledger, part, amount) = (Arc::clone(&self.ledger), self.part(), floor.max(self.facts.reserved));
        async move { ledger.extend(part, amount, floor).await }
    }

    /// So much more was set aside.
    pub(crate) fn extended(&mut self, more: Nanos) {
        self.facts.reserved = self.facts.reserved.plus(more);
        self.count_covered();
    }

    /// Whether parts of the call cost together what it costs as a whole: a price by the call, or one that changes with
    /// the call's length, does not.
    pub(crate) fn may_be_split(&self) -> bool {
        self.facts.pinned.price.tiers.is_empty() && self.bill(&Usage::NONE).is_zero()
    }

    /// Asks for another part of the call. What is not sure yet, the input above all, is carried over to it.
    pub(crate) fn ask_for_part(
        &self,
        measured: &Measured,
    ) -> impl Future<Output = Result<NextPart, ReserveError>> + Send + use<> {
        let input_tokens = if measured.stated.is_some() { 0 } else { self.facts.input_tokens };
        let mut facts = CallFacts {
            part: self.facts.part + 1,
            input_tokens,
            reserved: Nanos::ZERO,
            extensions: Vec::new(),
            ..self.facts.clone()
        };
        let done = self.sure(measured, input_tokens).plus(&self.charged).output_tokens;
        let least = measured.most(0).output_tokens.saturating_sub(done).saturating_add(self.a_little());
        let floor = self.estimate(input_tokens, least);
        let amount = self.estimate(input_tokens, self.covered.saturating_sub(done)).max(floor);
        let (ledger, budgets) = (Arc::clone(&self.ledger), self.budgets.clone());
        async move {
            facts.reserved = ledger.reserve(facts.clone(), budgets, amount, floor).await?;
            Ok(NextPart { ledger, facts: Some(Box::new(facts)) })
        }
    }

    /// Goes on in the next part: what was surely used so far is settled in this one.
    pub(crate) fn go_on_in(&mut self, mut next: NextPart, measured: &Measured) {
        let Some((part, attempt)) = next.facts.as_deref().map(CallPart::of).zip(self.attempt.clone()) else {
            return;
        };
        // Only once it is written down that the next part may be billed, this one ends.
        if let Err(error) = self.ledger.sent(part, attempt).map(drop) {
            return self.said("sent", Err(error));
        }
        let Some(facts) = next.facts.take() else { return };
        let used = self.sure(measured, facts.input_tokens);
        self.attempt_ended(AttemptOutcome::Billed);
        self.in_flight = true;
        let flags = measured.stated.is_none().then_some(Flag::Counted);
        let settled = self.ledger.settle(self.part(), used, self.bill(&used), flags.into_iter().collect());
        self.said("settle", settled);
        self.charged = self.charged.plus(&used);
        self.input_tokens = facts.input_tokens;
        self.facts = *facts;
        self.count_covered();
    }

    /// What was surely used in this part, where so much of the input is carried over to the next. The last part is charged
    /// what the provider states for the whole call less this: what is too little here comes with it, what is too much
    /// never goes back. So of text half is taken that would do elsewhere.
    fn sure(&self, measured: &Measured, carried_tokens: u64) -> Usage {
        let text_bytes = if measured.stated.is_some() { 0 } else { measured.text_bytes / 2 };
        let least = Measured { text_bytes, ..*measured }.least(0);
        let least = if carried_tokens > 0 { output_only(&least) } else { least };
        least.minus(&self.charged)
    }

    fn count_covered(&mut self) {
        let tier = self.facts.service_tier.as_deref();
        let within = self.facts.pinned.output_tokens_within(self.facts.reserved, self.input_tokens, tier);
        self.covered = within.map_or(u64::MAX, |tokens| tokens.saturating_add(self.charged.output_tokens));
    }

    fn a_little(&self) -> u64 {
        OUTPUT_TOKENS_FLOOR.saturating_mul(self.choices)
    }

    fn estimate(&self, input_tokens: u64, output_tokens: u64) -> Nanos {
        self.facts.pinned.estimate(input_tokens, output_tokens, self.facts.service_tier.as_deref())
    }
}
