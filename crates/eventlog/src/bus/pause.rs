//! How long to wait before something is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// Grows with every failure in a row.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pause {
    /// Waits; the next time longer.
    pub(super) async fn wait(&mut self) {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST);
        tokio::time::sleep(now).await;
    }

    /// Something went well.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// The same, for connections: how long before the given attempt.
    pub(super) fn before(attempt: usize) -> Duration {
        let doubled = u32::try_from(attempt.min(10)).unwrap_or_default();
        (FIRST * 2_u32.pow(doubled)).min(LONGEST)
    }
}
