//! Trying channels until one answers.

use std::time::Duration;

use bytes::Bytes;
use domain::account::Attempt;
use http::Request;
use tokio::time::{Instant, error::Elapsed, timeout_at};
use wire::openai_chat::StreamDecoder;

use super::{CallError, Plan, Relay};
use crate::{
    Choice, Failed,
    adaptor::prepare,
    measured::Measured,
    open_call::OpenCall,
    stream::{First, first},
    upstream::{UpstreamError, Verdict},
    whole,
};

/// What a channel brought.
pub(super) enum Answered {
    Whole(Bytes, Measured),
    Stream { first: Box<First>, cancel_stops_billing: bool },
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
        let mut picker = plan.routes.candidates(&plan.caller.group, &plan.model);
        let mut nobody = None;
        while call.next_attempt() <= self.config.attempts_max && Instant::now() < deadline {
            let Some(choice) = picker.next(&mut |below| rand::Rng::random_range(&mut rand::rng(), 0..below))
            else {
                break;
            };
            let request = prepare(&choice, &plan.chat, &plan.model, output_limit)?;
            call.sent(attempt(call.next_attempt(), &choice, plan)).await?;
            let error = match self.attempt(&choice, request, plan, deadline).await {
                Ok(answered) => return Ok(answered),
                Err(error) => error,
            };
            tracing::warn!(
                channel.id = %choice.route.channel_id, key.id = %choice.key().key_id, %error, "an attempt failed"
            );
            call.attempt_ended(error.outcome());
            match error.verdict() {
                Verdict::GiveUp => return Err(unanswered(call, error.into())),
                Verdict::TryElsewhere => picker.exclude(&choice, Failed::Channel),
                Verdict::TryOtherKey | Verdict::Suspend(_) => picker.exclude(&choice, Failed::Key),
            }
            nobody = Some(CallError::from(error).or(nobody));
        }
        Err(unanswered(call, nobody.unwrap_or(CallError::Timeout)))
    }

    /// One attempt, until its answer has come or its stream has begun.
    async fn attempt(
        &self,
        choice: &Choice,
        request: Request<Bytes>,
        plan: &Plan,
        deadline: Instant,
    ) -> Result<Answered, UpstreamError> {
        let provider = &choice.route.provider;
        let begun = deadline.min(Instant::now() + Duration::from_millis(self.config.first_byte_timeout_ms));
        let body = in_time(timeout_at(begun, self.upstream.send(provider.transport, request)).await)?;
        if plan.chat.stream() {
            let decoder = StreamDecoder::new(!plan.chat.wants_usage());
            let first = Box::new(in_time(timeout_at(begun, first(body, decoder)).await)?);
            return Ok(Answered::Stream { first, cancel_stops_billing: provider.cancel_stops_billing });
        }
        let read = whole::read(body, &self.config);
        let (bytes, measured) = in_time(timeout_at(deadline, read).await)?;
        Ok(Answered::Whole(bytes, measured))
    }
}

fn in_time<T>(work: Result<Result<T, UpstreamError>, Elapsed>) -> Result<T, UpstreamError> {
    work.unwrap_or(Err(UpstreamError::TimedOut))
}

fn unanswered(call: &mut OpenCall, error: CallError) -> CallError {
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
