//! Sending: many messages under way, each for its one place.

use std::{collections::VecDeque, future::IntoFuture};

use async_nats::jetstream::context::PublishAckFuture;
use domain::trace::TraceContext;
use tokio::time::Instant;

use super::{Line, Outlet};
use crate::{
    PAGE_MAX, Recorded,
    bus::{
        BusError, Epoch, TooBig,
        message::{Outgoing, rejected},
    },
    passage::{Passage, Step},
};

/// The most messages that are under way.
const WINDOW_MAX: usize = 256;

/// What is under way, in order. Dropped at the first error, for then it is not known
/// what the stream has: it is looked at.
type Window = VecDeque<Underway>;

struct Underway {
    position: u64,
    answer: PublishAckFuture,
    /// Where its trace is recorded: the span that the event is, and when it was sent.
    traced: Option<(TraceContext, Instant)>,
}

impl Line {
    /// Sends what the log has after what the stream is known to have.
    pub(super) async fn send_all(&mut self) -> Result<(), BusError> {
        let Some(Outlet { epoch, proved, .. }) = self.outlet else { return Ok(()) };
        let mut window = Window::with_capacity(WINDOW_MAX);
        let mut sent = proved;
        loop {
            let page = self.reader.read(self.log, sent, PAGE_MAX).await?;
            if page.is_empty() {
                break;
            }
            for event in page {
                if window.len() == WINDOW_MAX {
                    self.heed(&epoch, window.pop_front()).await?;
                }
                sent = event.position;
                window.push_back(self.send(&epoch, event).await?);
            }
        }
        while !window.is_empty() {
            self.heed(&epoch, window.pop_front()).await?;
        }
        Ok(())
    }

    async fn send(&self, epoch: &Epoch, event: Recorded) -> Result<Underway, BusError> {
        let position = event.position;
        let bytes_max = self.nats.client.max_payload();
        let Outgoing { subject, message, trace, too_big } =
            Outgoing::new(&self.nats.sealer, epoch, event, bytes_max)?;
        if let Some(too_big) = too_big {
            self.left_out(too_big);
        }
        let traced = trace.map(|trace| (trace, Instant::now()));
        let sent = self.nats.context.send_publish(subject, message).await;
        let answer = sent.map_err(rejected(self.log, position))?;
        Ok(Underway { position, answer, traced })
    }

    /// Waits for an answer. Whether the message was stored now or was there before is all the same: its id names the
    /// event.
    async fn heed(&mut self, epoch: &Epoch, next: Option<Underway>) -> Result<(), BusError> {
        let Some(Underway { position, answer, traced }) = next else { return Ok(()) };
        let mut connections = self.nats.connections.clone();
        let answer = tokio::select! {
            answer = answer.into_future() => answer.map_err(rejected(self.log, position))?,
            _ = connections.changed() => return Err(BusError::Cut),
        };
        let (expected, found) = (epoch.sequence(position), answer.sequence);
        if expected != found {
            return Err(BusError::Misplaced { log: self.log, position, expected, found });
        }
        if let Some(outlet) = &mut self.outlet {
            outlet.proved = position;
        }
        if let Some((observer, (trace, sent_at))) = self.observer.as_ref().zip(traced) {
            observer.passed(Passage {
                step: Step::Published,
                log: self.log,
                first: position,
                last: position,
                traced: vec![(position, trace)],
                took: sent_at.elapsed(),
            });
        }
        Ok(())
    }

    fn left_out(&self, too_big: TooBig) {
        tracing::error!(log = %self.log, position = too_big.position, "{too_big}");
        self.standing.send_modify(|standing| standing.too_big = Some(too_big));
    }
}
