//! A call that the ledger holds money for: whatever happens, it ends exactly once.

use std::sync::Arc;

use domain::{
    CallId, Nanos,
    account::{Attempt, AttemptOutcome, Flag},
    price::{Pinned, Usage},
};

use crate::{Ledger, LedgerError, limits::Admission, reservation::text_tokens};

/// What an answer is charged by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// What the provider states.
    pub(crate) usage: Option<wire::Usage>,
    /// What came, to count by where it states nothing.
    pub(crate) text_bytes: u64,
}

/// Reserved and not ended yet. Dropped while open, it settles or voids by what it knows.
pub(crate) struct OpenCall {
    ledger: Arc<dyn Ledger>,
    call_id: CallId,
    pinned: Pinned,
    service_tier: Option<String>,
    input_tokens: u64,
    /// Kept to the end: so long the call counts as open.
    admission: Admission,
    attempts: u32,
    in_flight: bool,
    may_be_billed: bool,
    ended: bool,
}

impl OpenCall {
    /// Takes over what was just reserved.
    pub(crate) fn new(
        ledger: Arc<dyn Ledger>,
        call_id: CallId,
        pinned: Pinned,
        service_tier: Option<String>,
        input_tokens: u64,
        admission: Admission,
    ) -> Self {
        Self {
            ledger,
            call_id,
            pinned,
            service_tier,
            input_tokens,
            admission,
            attempts: 0,
            in_flight: false,
            may_be_billed: false,
            ended: false,
        }
    }

    /// The number of the attempt that comes next.
    pub(crate) const fn next_attempt(&self) -> u32 {
        self.attempts + 1
    }

    /// An attempt is about to be sent; before this record is durable it must not be.
    pub(crate) async fn sent(&mut self, attempt: Attempt) -> Result<(), LedgerError> {
        let number = attempt.attempt;
        let durable = self.ledger.sent(self.call_id, attempt)?;
        self.attempts = number;
        self.in_flight = true;
        // What did not become durable is not sent.
        durable.await.inspect_err(|_| self.attempt_ended(AttemptOutcome::Unbilled))
    }

    /// The attempt in flight ended. What the journal does not take, it holds as unknown: the careful side.
    pub(crate) fn attempt_ended(&mut self, outcome: AttemptOutcome) {
        self.in_flight = false;
        let recorded = self.ledger.attempt_ended(self.call_id, self.attempts, outcome);
        self.may_be_billed |= outcome != AttemptOutcome::Unbilled || recorded.is_err();
        self.said("attempt_ended", recorded);
    }

    /// So much of the answer has come.
    pub(crate) fn progress(&self, text_bytes: u64) {
        self.said("progress", self.ledger.progress(self.call_id, text_tokens(text_bytes)));
    }

    /// An answer came: charges it.
    pub(crate) fn settle(&mut self, measured: &Measured, mut flags: Vec<Flag>) {
        if self.ended {
            return;
        }
        self.attempt_ended(AttemptOutcome::Billed);
        flags.extend(measured.usage.is_none().then_some(Flag::Counted));
        let usage = measured.usage.map_or_else(|| self.counted(measured.text_bytes), |usage| stated(&usage));
        self.end(usage, self.pinned.bill(&usage, self.service_tier.as_deref()), flags);
    }

    fn counted(&self, text_bytes: u64) -> Usage {
        let (input_tokens, output_tokens) = (self.input_tokens, text_tokens(text_bytes));
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    /// Nobody answered: nothing to pay, and where an attempt may have been billed that is the operator's cost.
    pub(crate) fn unanswered(&mut self) {
        if self.ended {
            return;
        }
        if self.may_be_billed {
            self.end(Usage::default(), Nanos::ZERO, vec![Flag::Unanswered]);
        } else {
            self.ended = true;
            self.said("void", self.ledger.void(self.call_id));
        }
    }

    fn end(&mut self, usage: Usage, amount: Nanos, flags: Vec<Flag>) {
        self.ended = true;
        self.admission.used(usage.input_tokens.saturating_add(usage.output_tokens));
        self.said("settle", self.ledger.settle(self.call_id, usage, amount, flags));
    }

    /// A record that is lost leaves the call open in the journal, where the next start settles it as in doubt.
    fn said(&self, record: &'static str, recorded: Result<(), LedgerError>) {
        if let Err(error) = recorded {
            tracing::error!(call.id = %self.call_id, record, %error, "the journal did not take a record");
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.in_flight {
            self.attempt_ended(AttemptOutcome::Unknown);
        }
        self.unanswered();
    }
}

const fn stated(usage: &wire::Usage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        cache_write_1h_tokens: 0,
        reasoning_tokens: usage.reasoning_tokens,
        audio_input_tokens: usage.audio_input_tokens,
        audio_output_tokens: usage.audio_output_tokens,
        image_input_tokens: 0,
        image_output_tokens: 0,
        images: 0,
        seconds: 0,
        characters: 0,
        searches: 0,
        pages: 0,
    }
}
