//! A stream after its beginning: nobody else can answer any more.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use domain::account::Flag;
use http_body::Body;
use tokio::time::{Instant, Sleep};
use wire::{Usage, openai_chat::StreamDecoder};

use super::First;
use crate::{
    health::Permit,
    open_call::{Measured, OpenCall},
    reservation::text_tokens,
    upstream::{UpstreamBody, UpstreamError},
};

/// So many frames go by between two records of progress.
const FRAMES_PER_PROGRESS: u64 = 64;

/// One more step of a stream. With the last two it has been settled.
#[derive(Debug)]
pub(crate) enum Step {
    /// Frames for the client.
    Frames(Bytes),
    /// The last frames; may be none.
    Last(Bytes),
    /// It broke off.
    Cut(UpstreamError),
}

/// What is left of a stream, and the call that pays for it. Dropped early, it is settled on what is known.
pub(crate) struct StreamRest {
    body: UpstreamBody,
    decoder: StreamDecoder,
    head: Option<(Bytes, bool)>,
    call: OpenCall,
    /// `None` once the channel's health knows how it went.
    permit: Option<Permit>,
    idle: Duration,
    deadline: Instant,
    last_frame: Instant,
    /// Wakes when the stream may be overdue: at the earliest of what was known when it was set.
    alarm: Pin<Box<Sleep>>,
    frames_told: u64,
    /// The usage that was stated last, and how much text had come by then.
    stated: (Option<Usage>, u64),
    client_left: bool,
    settled: bool,
}

impl StreamRest {
    pub(crate) fn new(
        first: First,
        call: OpenCall,
        permit: Permit,
        idle: Duration,
        deadline: Instant,
    ) -> Self {
        let First { body, decoder, bytes, is_last } = first;
        let stated = (decoder.usage(), decoder.text_bytes());
        Self {
            body,
            decoder,
            stated,
            head: Some((bytes, is_last)),
            call,
            permit: Some(permit),
            idle,
            deadline,
            last_frame: Instant::now(),
            alarm: Box::pin(tokio::time::sleep_until(deadline.min(Instant::now() + idle))),
            frames_told: 0,
            client_left: false,
            settled: false,
        }
    }

    /// Goes on by one step.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self.head.take() {
            Some((bytes, true)) => return Poll::Ready(self.last(bytes)),
            Some((bytes, false)) if !bytes.is_empty() => return Poll::Ready(Step::Frames(bytes)),
            _ => {}
        }
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.is_overdue(cx) => {
                    return Poll::Ready(self.cut(UpstreamError::TimedOut));
                }
                Poll::Pending => return Poll::Pending,
            };
            self.last_frame = Instant::now();
            if self.last_frame >= self.deadline {
                return Poll::Ready(self.cut(UpstreamError::TimedOut));
            }
            let step = match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => self.push(data),
                Some(Ok(Err(_trailers))) => None,
                Some(Err(error)) => Some(self.cut(UpstreamError::broken(error))),
                None => Some(match self.decoder.finish() {
                    Ok(bytes) => self.last(bytes),
                    Err(error) => self.cut(error.into()),
                }),
            };
            if let Some(step) = step {
                return Poll::Ready(step);
            }
        }
    }

    /// Whether the stream has paused, or gone on, for too long. The alarm is set anew when it rings, so that a
    /// frame moves no timer.
    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let due = self.deadline.min(self.last_frame + self.idle);
            if due <= Instant::now() {
                return true;
            }
            self.alarm.as_mut().reset(due);
        }
        false
    }

    /// The client has gone: reads on to the usage, which is charged.
    pub(crate) async fn read_on(mut self) {
        self.client_left = true;
        while let Step::Frames(_) = poll_fn(|cx| self.poll_step(cx)).await {}
    }

    /// The client has gone, and hanging up ends what the provider charges.
    pub(crate) fn hang_up(mut self) {
        self.client_left = true;
        self.settle_short(Vec::new());
    }

    fn push(&mut self, data: Bytes) -> Option<Step> {
        match self.decoder.push(data) {
            Ok(bytes) if self.decoder.is_done() => Some(self.last(bytes)),
            Ok(bytes) => {
                self.note_usage();
                if self.decoder.frames() - self.frames_told >= FRAMES_PER_PROGRESS {
                    self.frames_told = self.decoder.frames();
                    self.call.progress(self.decoder.text_bytes());
                }
                (!bytes.is_empty()).then_some(Step::Frames(bytes))
            }
            Err(error) => Some(self.cut(error.into())),
        }
    }

    fn note_usage(&mut self) {
        if self.decoder.usage() != self.stated.0 {
            self.stated = (self.decoder.usage(), self.decoder.text_bytes());
        }
    }

    fn last(&mut self, bytes: Bytes) -> Step {
        if let Some(permit) = self.permit.take() {
            permit.succeeded();
        }
        self.settle(self.decoder.usage(), Vec::new());
        Step::Last(bytes)
    }

    fn cut(&mut self, error: UpstreamError) -> Step {
        if let Some(permit) = self.permit.take() {
            // At the call's own end it may be the client that was slow.
            permit.failed(error.fault().filter(|_| Instant::now() < self.deadline));
        }
        self.settle_short(vec![Flag::Cut]);
        Step::Cut(error)
    }

    /// Settles a stream that did not come to its end. Some providers state usage from the beginning on: what came
    /// after they last did is counted here.
    fn settle_short(&mut self, mut flags: Vec<Flag>) {
        self.note_usage();
        let since = text_tokens(self.decoder.text_bytes() - self.stated.1);
        let usage = self
            .decoder
            .usage()
            .map(|usage| Usage { output_tokens: usage.output_tokens.saturating_add(since), ..usage });
        flags.extend((usage.is_some() && since > 0).then_some(Flag::Counted));
        self.settle(usage, flags);
    }

    fn settle(&mut self, usage: Option<Usage>, mut flags: Vec<Flag>) {
        if self.settled {
            return;
        }
        self.settled = true;
        flags.extend(self.client_left.then_some(Flag::ClientLeft));
        let measured = Measured { usage, text_bytes: self.decoder.text_bytes() };
        self.call.settle(&measured, flags);
    }
}

impl Drop for StreamRest {
    fn drop(&mut self) {
        self.settle_short(vec![Flag::Cut]);
    }
}
