//! A stream after its beginning: nobody else can answer any more.

use std::{
    fmt::Display,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use domain::account::Flag;
use http_body::Body;
use thiserror::Error;
use tokio::time::{Instant, Sleep};
use wire::{Usage, openai_chat::StreamDecoder};

use super::{
    First,
    funds::{Beside, Funding, Funds},
};
use crate::{
    health::{Fault, Permit},
    measured::Measured,
    open_call::OpenCall,
    upstream::{UpstreamBody, UpstreamError},
};

/// So many frames go by between two records of progress, or so much time.
const FRAMES_PER_PROGRESS: u64 = 64;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// One more step of a stream. With the last two it has been settled.
#[derive(Debug)]
pub(crate) enum Step {
    /// Frames for the client.
    Frames(Bytes),
    /// The last frames; may be none.
    Last(Bytes),
    /// It broke off.
    Cut(Cut),
}

/// Why a stream was broken off.
#[derive(Debug, Error)]
pub(crate) enum Cut {
    /// Its provider did not go on.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// It outgrew what was set aside for it, and there is no more.
    #[error("the account has too little left for more of it")]
    Quota,
}

impl Cut {
    /// What it says of the channel: that a customer's quota ended says nothing.
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::Upstream(error) => error.fault(),
            Self::Quota => None,
        }
    }
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
    told_at: Instant,
    funds: Funds,
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
        beside: Beside,
    ) -> Self {
        let First { body, decoder, bytes, is_last } = first;
        let (stated, now) = ((decoder.usage(), decoder.text_bytes()), Instant::now());
        Self {
            body,
            decoder,
            stated,
            head: Some((bytes, is_last)),
            call,
            permit: Some(permit),
            idle,
            deadline,
            last_frame: now,
            alarm: Box::pin(tokio::time::sleep_until(deadline.min(now + idle))),
            frames_told: 0,
            told_at: now,
            funds: Funds::new(beside),
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
            let measured = self.measured();
            match self.funds.poll(&mut self.call, &measured, self.last_frame, cx) {
                Funding::Held => {}
                Funding::Awaited if self.is_overdue(cx) => {
                    return Poll::Ready(self.cut(UpstreamError::TimedOut.into()));
                }
                Funding::Awaited => return Poll::Pending,
                Funding::Spent => return Poll::Ready(self.cut(Cut::Quota)),
            }
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.is_overdue(cx) => {
                    return Poll::Ready(self.cut(UpstreamError::TimedOut.into()));
                }
                Poll::Pending => return Poll::Pending,
            };
            self.last_frame = Instant::now();
            if self.last_frame >= self.deadline {
                return Poll::Ready(self.cut(UpstreamError::TimedOut.into()));
            }
            let step = match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => self.push(data),
                Some(Ok(Err(_trailers))) => None,
                Some(Err(error)) => Some(self.cut(UpstreamError::broken(error).into())),
                None => Some(match self.decoder.finish() {
                    Ok(bytes) => self.last(bytes),
                    Err(error) => self.cut(UpstreamError::from(error).into()),
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
                self.tell();
                (!bytes.is_empty()).then_some(Step::Frames(bytes))
            }
            Err(error) => Some(self.cut(UpstreamError::from(error).into())),
        }
    }

    /// Says how far the stream is, every now and then.
    fn tell(&mut self) {
        let (frames, now) = (self.decoder.frames(), self.last_frame);
        if frames - self.frames_told >= FRAMES_PER_PROGRESS || now - self.told_at >= PROGRESS_EVERY {
            (self.frames_told, self.told_at) = (frames, now);
            self.funds.heed(self.call.progress(&self.measured()), now);
        }
    }

    /// Some providers state usage from the beginning on: what has come after they last did is counted here.
    fn measured(&self) -> Measured {
        let (stated, by_then) = self.stated;
        let before = if stated.is_some() { by_then } else { 0 };
        Measured { stated, text_bytes: self.decoder.text_bytes() - before }
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
        self.note_usage();
        // What is stated by the end is stated of all of it.
        let measured = self.measured();
        let text_bytes = if measured.stated.is_some() { 0 } else { measured.text_bytes };
        self.settle(&Measured { text_bytes, ..measured }, Vec::new());
        Step::Last(bytes)
    }

    fn cut(&mut self, cut: Cut) -> Step {
        if let Some(permit) = self.permit.take() {
            // At the call's own end it may be the client that was slow.
            permit.failed(cut.fault().filter(|_| Instant::now() < self.deadline));
        }
        self.broke_off(&cut);
        self.settle_short(vec![Flag::Cut]);
        Step::Cut(cut)
    }

    fn broke_off(&self, error: &dyn Display) {
        let (call_id, trace_id) = self.call.names();
        tracing::warn!(%call_id, trace_id, %error, "a stream broke off");
    }

    /// Settles a stream that did not come to its end.
    fn settle_short(&mut self, mut flags: Vec<Flag>) {
        self.note_usage();
        let measured = self.measured();
        flags.extend((measured.stated.is_some() && measured.text_bytes > 0).then_some(Flag::Counted));
        self.settle(&measured, flags);
    }

    fn settle(&mut self, measured: &Measured, mut flags: Vec<Flag>) {
        if self.settled {
            return;
        }
        self.settled = true;
        flags.extend(self.client_left.then_some(Flag::ClientLeft));
        self.call.streamed(self.decoder.frames(), self.decoder.take_nature());
        self.call.settle(measured, flags);
    }
}

impl Drop for StreamRest {
    fn drop(&mut self) {
        if !self.settled {
            self.broke_off(&"nobody read on");
        }
        self.settle_short(vec![Flag::Cut]);
    }
}
