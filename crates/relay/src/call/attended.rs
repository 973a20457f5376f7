//! Work that is done by whoever waits for it, and goes on as a task of its own when nobody does any more.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// Whoever waits for an answer, as far as the work needs to know.
#[derive(Clone, Default)]
pub(super) struct Client(Arc<AtomicBool>);

impl Client {
    pub(super) fn has_left(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A call as its client waits for it: no other task has to be woken for it.
pub(super) struct Attended<F: Future + Send + 'static> {
    /// `None` while it is being done and once it is.
    work: Option<Pin<Box<F>>>,
    client: Client,
    tasks: TaskTracker,
    /// The runtime is named: it may be dropped where there is none.
    runtime: Handle,
    _counted: TaskTrackerToken,
}

impl<F: Future + Send + 'static> Attended<F> {
    pub(super) fn new(work: Pin<Box<F>>, client: Client, tasks: &TaskTracker) -> Self {
        let (tasks, counted) = (tasks.clone(), tasks.token());
        Self { work: Some(work), client, tasks, runtime: Handle::current(), _counted: counted }
    }
}

impl<F: Future + Send + 'static> Future for Attended<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out, so that work that panics is not gone on with.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            self.work = Some(work);
        }
        done
    }
}

impl<F: Future + Send + 'static> Drop for Attended<F> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        self.client.0.store(true, Ordering::Release);
        // What comes of it is dropped there, and a stream then reads on to its usage.
        self.tasks.spawn_on(async move { drop(work.await) }, &self.runtime);
    }
}
