//! A stream as the client reads it, or stops reading it.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use wire::openai_chat::error::{ErrorCode, frame};

use crate::{
    stream::{Beside, Cut, Step, StreamRest},
    upstream::UpstreamError,
};

/// So much later than its reader a stream ends by itself: a reader that still reads is to see the end.
const UNREAD_GRACE_MS: u64 = 1_000;

/// What is done with a stream whose client has gone, or reads no more.
pub(crate) struct Aftermath {
    pub(crate) beside: Beside,
    pub(crate) deadline: Instant,
    pub(crate) cancel_stops_billing: bool,
}

/// Nothing asks a body for more while its client does not read: so its total time-out is kept by a task.
pub(super) struct StreamAnswer {
    /// `None` once it has ended.
    rest: Arc<Mutex<Option<StreamRest>>>,
    has_ended: bool,
    watch: AbortHandle,
    aftermath: Aftermath,
}

impl StreamAnswer {
    pub(super) fn new(rest: StreamRest, aftermath: Aftermath) -> Self {
        let rest = Arc::new(Mutex::new(Some(rest)));
        let (unread, end) = (Arc::clone(&rest), aftermath.deadline + Duration::from_millis(UNREAD_GRACE_MS));
        let watch = async move {
            sleep_until(end).await;
            // Dropped, it is settled on what is known.
            drop(unread.lock().take());
        };
        let watch = aftermath.beside.tasks.spawn_on(watch, &aftermath.beside.runtime).abort_handle();
        Self { rest, has_ended: false, watch, aftermath }
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let mut held = self.rest.lock();
        let step = match held.as_mut().map(|rest| rest.poll_step(cx)) {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(step)) => step,
            None => Step::Cut(UpstreamError::TimedOut.into()),
        };
        let bytes = match step {
            Step::Frames(bytes) => return Poll::Ready(Some(bytes)),
            Step::Last(bytes) => bytes,
            Step::Cut(cut) => error_frame(&cut),
        };
        *held = None;
        self.has_ended = true;
        Poll::Ready((!bytes.is_empty()).then_some(bytes))
    }
}

fn error_frame(cut: &Cut) -> Bytes {
    match cut {
        Cut::Quota => frame(
            ErrorCode::InsufficientQuota,
            "the account has too little left for more of this answer; it is incomplete",
        ),
        Cut::Upstream(UpstreamError::TimedOut) => {
            frame(ErrorCode::UpstreamTimeout, "the answer did not go on in time; it is incomplete")
        }
        Cut::Upstream(_) => {
            frame(ErrorCode::UpstreamError, "the provider broke the answer off; it is incomplete")
        }
    }
}

impl Drop for StreamAnswer {
    fn drop(&mut self) {
        self.watch.abort();
        let Some(rest) = self.rest.lock().take() else { return };
        if self.aftermath.cancel_stops_billing {
            rest.hang_up();
        } else {
            // The runtime is named: a body may be dropped where there is none.
            let Beside { tasks, runtime } = &self.aftermath.beside;
            tasks.spawn_on(rest.read_on(), runtime);
        }
    }
}
