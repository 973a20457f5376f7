//! Trying channels until one answers.

use std::{fmt::Display, pin::pin, time::Duration};

use bytes::Bytes;
use domain::account::Attempt;
use http::Request;
use tokio::time::{Instant, error::Elapsed, timeout_at};
use wire::openai_chat::StreamDecoder;

use super::{CallError, Plan, Relay};
use crate::{
    Choice, Failed, Picker,
    adaptor::prepare,
    health::{Permit, Resting, Why},
    limits::{Admission, Subject},
    measured::Measured,
    open_call::OpenCall,
    stream::{First, first},
    upstream::{UpstreamError, Verdict},
    whole,
};

/// When to come again with a call that takes more than every channel's limit: somebody may have raised one.
const NEVER_FITS: Duration = Duration::from_mins(1);

/// What a channel brought.
pub(super) enum Answered {
    Whole(Bytes, Measured),
    Stream { first: Box<First>, permit: Permit, cancel_stops_billing: bool },
}

/// What may be tried.
struct Next {
    choice: Choice,
    permit: Permit,
    admission: Admission,
}

/// What one attempt brought.
enum Brought {
    Whole(Bytes, Measured),
    Stream(Box<First>),
}

impl Relay {
    /// Asks one channel after another. When nobody answers, the call has ended here.
    pub(super) async fn attempts(
        &self,
        plan: &Plan,
        call: &mut OpenCall,
        output_limit: Option<u64>,
        deadline: Instant,
    ) -> Result<Answered, CallError> {
        let mut picker =
            plan.routes.candidates(&plan.caller.group, &plan.model, plan.format, plan.rules.strategy);
        let (mut nobody, mut resting) = (None, None);
        while call.next_attempt() <= self.config.attempts_max && Instant::now() < deadline {
            let Some(Next { choice, permit, admission }) = self.next(&mut picker, plan, &mut resting) else {
                break;
            };
            let prepared = prepare(&choice, &plan.asked, &plan.model, output_limit);
            let mut request =
                prepared.map_err(|error| unsent(call, error, "an attempt could not be prepared"))?;
            call.goes_through(admission);
            let sent = call.sent(attempt(call.next_attempt(), &choice, plan)).await;
            sent.map_err(|error| unsent(call, error, "an attempt could not be recorded and was not sent"))?;
            call.asks(&choice, request.headers_mut());
            let decoder = || StreamDecoder::new(!plan.asked.wants_usage()).noting(call.to_note());
            let decoder = plan.asked.stream().then(decoder);
            let error = match self.attempt(&choice, request, plan, decoder, deadline).await {
                Ok(brought) => {
                    call.answered();
                    return Ok(answered(brought, permit, &choice));
                }
                Err(error) => error,
            };
            // Cut short by the call's own end, it may have been about to answer.
            permit.failed(error.fault().filter(|_| Instant::now() < deadline));
            let (call_id, trace_id) = call.names();
            tracing::warn!(
                %call_id, trace_id, channel.id = %choice.route.channel_id, key.id = %choice.key().key_id, %error,
                "an attempt failed"
            );
            call.attempt_failed(error.outcome(), error.kind());
            call.goes_through(Admission::unlimited());
            match error.verdict() {
                Verdict::GiveUp => return Err(unanswered(call, error.into())),
                Verdict::TryElsewhere => picker.exclude(&choice, Failed::Channel),
                Verdict::TryOtherKey => picker.exclude(&choice, Failed::Key),
            }
            nobody = Some(CallError::from(error).or(nobody));
        }
        let nobody = nobody.or_else(|| resting.map(CallError::from));
        Err(unanswered(call, nobody.unwrap_or(CallError::Timeout)))
    }

    /// The next that may be tried. What rests or takes no more is left out, and the shortest wait remembered.
    fn next(&self, picker: &mut Picker, plan: &Plan, resting: &mut Option<Resting>) -> Option<Next> {
        loop {
            let choice = picker.next(&mut |below| rand::Rng::random_range(&mut rand::rng(), 0..below))?;
            let (this, failed) = match self.health.admit(&choice, &plan.model) {
                Ok(permit) => match self.channel(&choice, plan) {
                    Ok(admission) => return Some(Next { choice, permit, admission }),
                    Err(full) => (full, Failed::Channel),
                },
                Err(resting) => (resting, Failed::Key),
            };
            let shorter = resting.filter(|other| other.pause <= this.pause);
            *resting = Some(shorter.unwrap_or(this));
            picker.exclude(&choice, failed);
        }
    }

    /// Counts the attempt against the channel's own limits.
    fn channel(&self, choice: &Choice, plan: &Plan) -> Result<Admission, Resting> {
        let limits = choice.route.limits;
        if limits.is_none() {
            return Ok(Admission::unlimited());
        }
        let subject = Subject::Channel(choice.route.channel_id);
        self.limits.admit(vec![(subject, limits)], plan.tokens()).map_err(|limited| {
            let pause = limited.wait_ms.map_or(NEVER_FITS, Duration::from_millis);
            Resting { pause, why: Why::Limited }
        })
    }

    /// One attempt, until its answer has come or its stream has begun.
    async fn attempt(
        &self,
        choice: &Choice,
        request: Request<Bytes>,
        plan: &Plan,
        decoder: Option<StreamDecoder>,
        deadline: Instant,
    ) -> Result<Brought, UpstreamError> {
        let provider = &choice.route.provider;
        let begun = deadline.min(Instant::now() + Duration::from_millis(self.config.first_byte_timeout_ms));
        // Pinned first: a time-out around a large future would have to be moved with it.
        let sending = pin!(self.upstream.send(provider.transport, request));
        let body = in_time(timeout_at(begun, sending).await)?;
        if let Some(decoder) = decoder {
            let first = pin!(first(body, decoder));
            let first = in_time(timeout_at(begun, first).await)?;
            return Ok(Brought::Stream(Box::new(first)));
        }
        let read = pin!(whole::read(plan.format, body, &self.config));
        let (bytes, measured) = in_time(timeout_at(deadline, read).await)?;
        Ok(Brought::Whole(bytes, measured))
    }
}

/// A whole answer says at once that all is well, a stream only at its end.
fn answered(brought: Brought, mut permit: Permit, choice: &Choice) -> Answered {
    match brought {
        Brought::Whole(bytes, measured) => {
            permit.succeeded();
            Answered::Whole(bytes, measured)
        }
        Brought::Stream(first) => {
            permit.begun();
            let cancel_stops_billing = choice.route.provider.cancel_stops_billing;
            Answered::Stream { first, permit, cancel_stops_billing }
        }
    }
}

fn in_time<T>(work: Result<Result<T, UpstreamError>, Elapsed>) -> Result<T, UpstreamError> {
    work.unwrap_or(Err(UpstreamError::TimedOut))
}

/// Says why an attempt does not go out, and what the client is told.
fn unsent<E: Display + Into<CallError>>(call: &mut OpenCall, error: E, what: &'static str) -> CallError {
    let (call_id, trace_id) = call.names();
    tracing::error!(%call_id, trace_id, %error, "{what}");
    let error = error.into();
    call.refuses(error.status().as_u16());
    error
}

fn unanswered(call: &mut OpenCall, error: CallError) -> CallError {
    call.refuses(error.status().as_u16());
    call.unanswered();
    error
}

fn attempt(number: u32, choice: &Choice, plan: &Plan) -> Attempt {
    Attempt {
        attempt: number,
        channel_id: choice.route.channel_id,
        key_id: choice.key().key_id,
        upstream_model: choice.route.upstream_model(&plan.model).clone(),
        // What a crash leaves without an end may have been billed.
        outcome: domain::account::AttemptOutcome::Unknown,
    }
}
