//! A call that the ledger holds money for: whatever happens, each part of it ends exactly once.

mod funds;

use std::sync::Arc;

use domain::{
    CallId, Nanos,
    account::{Attempt, AttemptOutcome, CallFacts, CallPart, Flag},
    budget::Binding,
    price::Usage,
};
use http::HeaderMap;
use wire::openai_chat::Nature;

pub(crate) use self::funds::NextPart;
use crate::{
    Choice, ErrorType, Ledger, LedgerError, Tenure, limits::Admission, measured::Measured, report::Recording,
};

/// Reserved and not ended yet. Dropped while open, it settles or voids by what it knows.
pub(crate) struct OpenCall {
    ledger: Arc<dyn Ledger>,
    /// What the part at hand was reserved with.
    facts: CallFacts,
    /// Of which each part draws on the window in which it is reserved.
    budgets: Vec<Binding>,
    choices: u64,
    /// The output tokens of the whole call that are paid for or set aside, if its input is `input_tokens` long.
    covered: u64,
    input_tokens: u64,
    /// What the parts before this one were charged.
    charged: Usage,
    /// Kept to the end: so long the call counts as open.
    admission: Admission,
    /// The same of the channel that is asked.
    channel: Admission,
    /// The last attempt.
    attempt: Option<Attempt>,
    in_flight: bool,
    may_be_billed: bool,
    ended: bool,
    recording: Option<Recording>,
}

impl OpenCall {
    /// Takes over what was just reserved, which covers so many output tokens of so many choices.
    pub(crate) const fn new(
        ledger: Arc<dyn Ledger>,
        facts: CallFacts,
        budgets: Vec<Binding>,
        covered: u64,
        choices: u64,
        admission: Admission,
    ) -> Self {
        let input_tokens = facts.input_tokens;
        Self {
            ledger,
            facts,
            budgets,
            choices,
            covered,
            input_tokens,
            charged: Usage::NONE,
            admission,
            channel: Admission::unlimited(),
            attempt: None,
            in_flight: false,
            may_be_billed: false,
            ended: false,
            recording: None,
        }
    }

    /// What comes of it is noted there.
    pub(crate) fn recorded_by(mut self, recording: Recording) -> Self {
        self.recording = Some(recording);
        self
    }

    const fn part(&self) -> CallPart {
        CallPart::of(&self.facts)
    }

    fn attempts(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |attempt| attempt.attempt)
    }

    /// The number of the attempt that comes next.
    pub(crate) fn next_attempt(&self) -> u32 {
        self.attempts() + 1
    }

    /// The next attempt counts with a channel, and the one before no more.
    pub(crate) fn goes_through(&mut self, channel: Admission) {
        self.channel = channel;
    }

    /// An attempt is about to be sent; before this record is durable it must not be.
    pub(crate) async fn sent(&mut self, attempt: Attempt) -> Result<(), LedgerError> {
        let durable = self.ledger.sent(self.part(), attempt.clone())?;
        self.attempt = Some(attempt);
        self.in_flight = true;
        // What did not become durable is not sent.
        durable.await.inspect_err(|_| self.attempt_ended(AttemptOutcome::Unbilled))
    }

    /// The attempt at hand goes out: its provider is told of the trace.
    pub(crate) fn asks(&mut self, choice: &Choice, headers: &mut HeaderMap) {
        let attempt = self.attempts();
        let Some(recording) = &mut self.recording else { return };
        if let Some(traced) = &recording.traced {
            traced.tell(attempt, headers);
        }
        recording.asks(choice);
    }

    /// The attempt at hand has an answer, or the beginning of one.
    pub(crate) fn answered(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.answered();
        }
    }

    /// What to note of an answer for the call's trace, if anything.
    pub(crate) fn to_note(&self) -> Option<Box<Nature>> {
        self.recording.as_ref().and_then(Recording::to_note)
    }

    /// A whole answer has come.
    pub(crate) fn came(&mut self, answer: &[u8]) {
        if let Some(recording) = &mut self.recording {
            recording.came(answer);
        }
    }

    /// So many chunks of a stream have come, which say that of themselves.
    pub(crate) fn streamed(&mut self, chunks: u64, nature: Option<Box<Nature>>) {
        if let Some(recording) = &mut self.recording {
            recording.streamed(chunks, nature);
        }
    }

    /// The client is told of an error with that status.
    pub(crate) fn refuses(&mut self, status: u16) {
        if let Some(recording) = &mut self.recording {
            recording.refuses(status);
        }
    }

    /// The call and its trace, for log lines.
    pub(crate) fn names(&self) -> (CallId, Option<String>) {
        (self.facts.call_id, self.facts.trace.map(|context| context.trace_text()))
    }

    /// The attempt in flight brought no answer.
    pub(crate) fn attempt_failed(&mut self, outcome: AttemptOutcome, error: ErrorType) {
        let attempt = self.attempt.clone();
        if let Some(recording) = &mut self.recording {
            recording.attempt_failed(attempt.map(|attempt| Attempt { outcome, ..attempt }), error);
        }
        self.attempt_ended(outcome);
    }

    /// The attempt in flight ended. What the journal does not take, it holds as unknown: the careful side.
    pub(crate) fn attempt_ended(&mut self, outcome: AttemptOutcome) {
        self.in_flight = false;
        let recorded = self.ledger.attempt_ended(self.part(), self.attempts(), outcome);
        self.may_be_billed |= outcome != AttemptOutcome::Unbilled || recorded.is_err();
        self.said("attempt_ended", recorded);
    }

    /// So much of the answer has come.
    pub(crate) fn progress(&self, measured: &Measured) -> Tenure {
        let output_tokens = self.used(measured).output_tokens;
        let tenure = self.ledger.progress(self.part(), output_tokens);
        tenure.unwrap_or_else(|error| {
            self.said("progress", Err(error));
            Tenure::Good
        })
    }

    /// An answer came: charges it.
    pub(crate) fn settle(&mut self, measured: &Measured, mut flags: Vec<Flag>) {
        if self.ended {
            return;
        }
        self.attempt_ended(AttemptOutcome::Billed);
        let usage = self.used(measured);
        // Parts that came before were charged more than there is: their count stands.
        let is_exact = usage.plus(&self.charged) == self.total(measured);
        flags.extend((measured.stated.is_none() || !is_exact).then_some(Flag::Counted));
        self.end(usage, self.bill(&usage), flags);
    }

    fn total(&self, measured: &Measured) -> Usage {
        measured.usage(self.charged.input_tokens.saturating_add(self.facts.input_tokens), self.covered)
    }

    /// What was used in this part.
    fn used(&self, measured: &Measured) -> Usage {
        self.total(measured).minus(&self.charged)
    }

    fn bill(&self, usage: &Usage) -> Nanos {
        self.facts.pinned.bill(usage, self.facts.service_tier.as_deref())
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
            self.report(None, None);
            self.said("void", self.ledger.void(self.part()));
        }
    }

    fn end(&mut self, usage: Usage, amount: Nanos, flags: Vec<Flag>) {
        self.ended = true;
        let whole = usage.plus(&self.charged);
        let tokens = whole.input_tokens.saturating_add(whole.output_tokens);
        self.admission.used(tokens);
        self.channel.used(tokens);
        let is_answered = !flags.contains(&Flag::Unanswered);
        self.report(is_answered.then_some(whole), flags.contains(&Flag::Cut).then_some("cut".into()));
        self.said("settle", self.ledger.settle(self.part(), usage, amount, flags));
    }

    fn report(&mut self, usage: Option<Usage>, error: Option<ErrorType>) {
        if let Some(mut recording) = self.recording.take() {
            let attempt = usage.and(self.attempt.take());
            recording.end(&self.facts.model, attempt, usage, error);
        }
    }

    /// A record that is lost leaves the call open in the journal, where the next start settles it as in doubt.
    fn said(&self, record: &'static str, recorded: Result<(), LedgerError>) {
        if let Err(error) = recorded {
            let ((call_id, trace_id), part) = (self.names(), self.facts.part);
            tracing::error!(%call_id, trace_id, part, record, %error, "the journal did not take a record");
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
