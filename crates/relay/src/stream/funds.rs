//! What a stream draws on: asked for beside it, and waited for only where it has surely outgrown what it holds.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use domain::Nanos;
use tokio::{runtime::Handle, sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{
    ReserveError, Tenure,
    measured::Measured,
    open_call::{NextPart, OpenCall},
};

/// How long a stream that has outlived its lease goes on before it asks for another part again.
const PART_RETRY: Duration = Duration::from_secs(10);

/// Whether a stream may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Funding {
    /// It may.
    Held,
    /// The ledger is about to say.
    Awaited,
    /// It may not: there is no more.
    Spent,
}

/// An answer of the ledger.
enum Answer {
    More(Result<Nanos, ReserveError>),
    Part(Result<NextPart, ReserveError>),
}

/// Where questions are asked: a client that reads no more must not keep one from being answered, for others may wait
/// behind it.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
}

impl Beside {
    fn ask(&self, answer: impl Future<Output = Answer> + Send + 'static) -> oneshot::Receiver<Answer> {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.tasks.spawn_on(async move { drop(answer_tx.send(answer.await)) }, &self.runtime);
        answer_rx
    }
}

/// What is asked of the ledger beside a stream: one thing at a time.
pub(super) struct Funds {
    beside: Beside,
    asking: Option<oneshot::Receiver<Answer>>,
    /// There was no more: it is asked for again only when the stream cannot go on without.
    refused: bool,
    /// The lease was outlived: another part is asked for from then on.
    part_from: Option<Instant>,
}

impl Funds {
    pub(super) const fn new(beside: Beside) -> Self {
        Self { beside, asking: None, refused: false, part_from: None }
    }

    /// How the quota stands that the call draws on.
    pub(super) fn heed(&mut self, tenure: Tenure, now: Instant) {
        match tenure {
            Tenure::Good => self.part_from = None,
            Tenure::Outlived => {
                self.part_from.get_or_insert(now);
            }
        }
    }

    /// Whether the stream may go on, of which so much has come.
    pub(super) fn poll(
        &mut self,
        call: &mut OpenCall,
        measured: &Measured,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Funding {
        loop {
            let grown = call.may_have_outgrown(measured);
            if self.asking.is_none() && !grown && self.part_from.is_none() {
                return Funding::Held;
            }
            let outgrown = grown && call.has_outgrown(measured);
            if self.asking.is_none() {
                self.asking = self.ask(call, measured, now, grown && (outgrown || !self.refused));
            }
            let Some(asking) = &mut self.asking else { return Funding::Held };
            let answer = match Pin::new(asking).poll(cx) {
                Poll::Ready(answer) => answer.unwrap_or(Answer::More(Err(ReserveError::Unavailable))),
                Poll::Pending if outgrown => return Funding::Awaited,
                Poll::Pending => return Funding::Held,
            };
            self.asking = None;
            match answer {
                Answer::More(Ok(more)) => {
                    call.extended(more);
                    self.refused = false;
                }
                Answer::More(Err(ReserveError::WindowOver))
                    if self.part_from.is_none() && call.may_be_split() =>
                {
                    self.part_from = Some(now);
                }
                Answer::More(Err(_)) if outgrown => return Funding::Spent,
                Answer::More(Err(_)) => self.refused = true,
                Answer::Part(Ok(next)) => {
                    call.go_on_in(next, measured);
                    (self.part_from, self.refused) = (None, false);
                }
                // What is held stands all the same.
                Answer::Part(Err(_)) => self.part_from = Some(now + PART_RETRY),
            }
        }
    }

    fn ask(
        &self,
        call: &OpenCall,
        measured: &Measured,
        now: Instant,
        more: bool,
    ) -> Option<oneshot::Receiver<Answer>> {
        // Another part covers what is lacking too, and its leases are good.
        if self.part_from.is_some_and(|from| from <= now) && call.may_be_split() {
            let answer = call.ask_for_part(measured);
            return Some(self.beside.ask(async move { Answer::Part(answer.await) }));
        }
        more.then(|| {
            let answer = call.ask_for_more(measured);
            self.beside.ask(async move { Answer::More(answer.await) })
        })
    }
}
