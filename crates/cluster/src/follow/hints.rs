//! What a bus says, where there is one.

use std::time::Duration;

use eventlog::bus::{Heard, Subscription};
use futures_util::StreamExt;
use tokio::time::Instant;

/// A bus that has said nothing for so long is away.
const TOLD_MAX: Duration = Duration::from_secs(3);

/// The bus, where there is one.
pub(super) struct Hints {
    stream: Option<Subscription>,
    told_at: Option<Instant>,
}

impl Hints {
    pub(super) const fn new(stream: Option<Subscription>) -> Self {
        Self { stream, told_at: None }
    }

    /// Whether it says anything these days.
    pub(super) fn tells(&self) -> bool {
        self.told_at.is_some_and(|at| at.elapsed() < TOLD_MAX)
    }

    /// What it says next; nothing for ever where there is none.
    pub(super) async fn next(&mut self) -> Heard {
        if let Some(stream) = &mut self.stream {
            if let Some(heard) = stream.next().await {
                self.told_at = Some(Instant::now());
                return heard;
            }
            tracing::warn!("the bus has ended: control nodes are asked alone");
            self.stream = None;
        }
        std::future::pending().await
    }
}
