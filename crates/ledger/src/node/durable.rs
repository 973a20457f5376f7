//! When what a call waits for is durable: at once, or when the disk says so.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use domain::{Nanos, account::CallFacts, budget::Binding};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Node, NodeError, ReserveError, write::Inner};
use crate::{journal::JournalError, record::CallPart, step::Input};

/// What a reservation, and an attempt before its first byte, must outlive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalSync {
    /// The process. The disk follows within a moment.
    #[default]
    Os,
    /// A power loss: one sync for all that wait for it.
    Group,
}

/// Resolves when what was written may be relied upon; at once where nothing need be waited for.
#[must_use = "nothing may be sent before it is durable"]
pub struct Durable(Option<BoxFuture<'static, Result<(), NodeError>>>);

impl Durable {
    /// What to wait for; `None` where there is nothing.
    pub fn into_wait(self) -> Option<BoxFuture<'static, Result<(), NodeError>>> {
        self.0
    }
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Durable(later)" } else { "Durable(now)" })
    }
}

impl Future for Durable {
    type Output = Result<(), NodeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |wait| wait.as_mut().poll(context))
    }
}

/// How far the disk has come, counted over all journals of this process.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    durable: u64,
    failures: u64,
}

/// Makes the journal durable, for the upload and for those that wait for it.
pub(super) struct Syncer {
    inner: Arc<Mutex<Inner>>,
    mode: JournalSync,
    /// One sync at a time: a disk tells of a failure once.
    turn: Mutex<()>,
    seen: watch::Sender<Seen>,
    /// As much as somebody waits for.
    wanted: AtomicU64,
    serving: AtomicBool,
}

impl Syncer {
    pub(super) fn new(inner: Arc<Mutex<Inner>>, mode: JournalSync) -> Self {
        Self {
            inner,
            mode,
            turn: Mutex::new(()),
            seen: watch::Sender::new(Seen::default()),
            wanted: AtomicU64::new(0),
            serving: AtomicBool::new(false),
        }
    }

    /// Waits for the disk. Not to be called where others must not be held up.
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        let _turn = self.turn.lock();
        let done = self.sync_in_turn();
        self.allocate_ahead();
        self.seen.send_modify(|seen| seen.failures += u64::from(done.is_err()));
        self.tell();
        done
    }

    fn sync_in_turn(&self) -> Result<(), JournalError> {
        let sync = {
            let mut inner = self.inner.lock();
            if inner.journal.is_durable() {
                return Ok(());
            }
            inner.journal.begin_sync()?
        };
        let done = sync.run();
        self.inner.lock().journal.end_sync(&sync, done)
    }

    /// Makes the next file where files are filled fast, so that no call does.
    fn allocate_ahead(&self) {
        let Some(wanted) = self.inner.lock().journal.wants_spare() else { return };
        match wanted.allocate() {
            Ok(spare) => self.inner.lock().journal.keep_spare(spare),
            // Whoever needs it tries again, and says so.
            Err(error) => tracing::debug!(%error, "the journal's next file is not allocated yet"),
        }
    }

    /// Tells those that wait how far it has come.
    pub(super) fn tell(&self) {
        let durable = self.inner.lock().durable();
        self.seen.send_modify(|seen| seen.durable = durable);
    }

    /// What to wait for until everything that is written now is durable; `None` where that is not asked for.
    fn covered(self: &Arc<Self>) -> Option<impl Future<Output = Result<(), NodeError>> + Send + use<>> {
        if self.mode == JournalSync::Os {
            return None;
        }
        let (syncer, written) = (Arc::clone(self), self.inner.lock().written());
        Some(async move {
            let mut seen = syncer.seen.subscribe();
            let failures = seen.borrow().failures;
            syncer.want(written);
            let seen = seen.wait_for(|seen| seen.durable >= written || seen.failures != failures).await;
            if seen.is_ok_and(|seen| seen.durable >= written) { Ok(()) } else { Err(NodeError::Broken) }
        })
    }

    fn want(self: &Arc<Self>, written: u64) {
        self.wanted.fetch_max(written, Ordering::AcqRel);
        if !self.serving.swap(true, Ordering::AcqRel) {
            let syncer = Arc::clone(self);
            tokio::task::spawn_blocking(move || syncer.serve());
        }
    }

    /// Syncs until nobody waits. Those that come while it does are the next group; those that a failure was told to do
    /// not wait any more.
    fn serve(&self) {
        loop {
            let wanted = self.wanted.swap(0, Ordering::AcqRel);
            if wanted > self.seen.borrow().durable {
                if self.sync().is_ok() && wanted > self.seen.borrow().durable {
                    self.wanted.fetch_max(wanted, Ordering::AcqRel);
                }
                continue;
            }
            self.serving.store(false, Ordering::Release);
            if self.wanted.load(Ordering::Acquire) == 0 || self.serving.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

impl Node {
    /// Sets quota aside for a call: `amount`, or what can be had of it down to `floor`. The facts name the accounts;
    /// the windows of `budgets`, leases and the amount are filled in here. It is answered when it is as durable as was asked for.
    ///
    /// # Errors
    /// When there is too little, the ledger is away, or nothing can be written down; then nothing is set aside.
    pub async fn reserve(
        &self,
        facts: CallFacts,
        budgets: &[Binding],
        amount: Nanos,
        floor: Nanos,
    ) -> Result<Nanos, ReserveError> {
        let call = CallPart::of(&facts);
        let reserved = self.set_aside_within(facts, budgets, amount, floor).await?;
        if let Some(covered) = self.syncer.covered() {
            let mut unanswered = Unanswered { node: self, call: Some(call) };
            covered.await.inspect_err(|_| self.fail())?;
            unanswered.call = None;
        }
        Ok(reserved)
    }

    /// Resolves when everything that is written now is as durable as was asked for.
    pub(super) fn durable(&self) -> Durable {
        Durable(self.syncer.covered().map(|covered| Box::pin(covered) as BoxFuture<'static, _>))
    }
}

/// A reservation of which its caller does not know yet. Should it never, nobody else would end it.
struct Unanswered<'a> {
    node: &'a Node,
    call: Option<CallPart>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(call) = self.call else { return };
        if let Err(error) = self.node.take(Input::Void { call }) {
            tracing::error!(call_id = %call.call_id, %error, "a reservation that was not answered was not given up in the journal");
        }
    }
}
