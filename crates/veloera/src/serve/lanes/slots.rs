//! How many clients may be connected at a time.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections of clients, where the system lets the process open enough.
const CONNECTIONS_MAX: u64 = 32_768;
/// The least, which are served even where the system lets the process open very little.
const CONNECTIONS_MIN: u64 = 64;
/// What is open beside the connections: the database, the journal, the threads' own.
const OTHER_FILES: u64 = 256;

/// Places for connections. Who finds none waits where the kernel keeps them.
pub(in super::super) struct Slots(Arc<Semaphore>);

impl Slots {
    /// As many as the process may have. Each client may need a connection to a provider.
    pub(in super::super) fn of_this_process() -> Self {
        let connections =
            (open_files().saturating_sub(OTHER_FILES) / 2).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        tracing::debug!(connections, "so many clients may be connected at a time");
        Self::new(usize::try_from(connections).unwrap_or(usize::MAX))
    }

    pub(super) fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))))
    }

    pub(super) async fn take(&self) -> OwnedSemaphorePermit {
        let slots = Arc::clone(&self.0);
        if slots.available_permits() == 0 {
            tracing::warn!("as many clients are connected as may be; more wait until one leaves");
        }
        match slots.acquire_owned().await {
            Ok(slot) => slot,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// How many files the process may open, once it has asked for as many as the system gives.
fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    limit.current.unwrap_or(u64::MAX)
}
