//! Waiting for something to be told: no longer than was asked, and not when this process ends.

use std::time::Duration;

use cluster::protocol::WAIT_MS_MAX;

use crate::Edge;

/// What comes within `wait_ms`.
pub(super) async fn within<T>(edge: &Edge, wait_ms: u64, comes: impl Future<Output = T>) -> Option<T> {
    let patience = Duration::from_millis(wait_ms.min(WAIT_MS_MAX));
    tokio::select! {
        // What is there already is told even to those who do not wait.
        biased;
        come = comes => Some(come),
        () = edge.stopping.cancelled() => None,
        () = tokio::time::sleep(patience) => None,
    }
}
