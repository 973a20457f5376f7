//! How publishing goes, for probes and metrics.

use std::sync::Arc;

use domain::{Log, TimeStamp};
use tokio::sync::watch;

use crate::bus::{BusError, TooBig};

/// How publishing goes, as it changes. A cheap handle.
#[derive(Clone, Debug)]
pub struct Standings(pub(super) [watch::Receiver<Standing>; 2]);

impl Standings {
    /// How it goes for `log` now.
    pub fn of(&self, log: Log) -> Standing {
        self.0[log as usize].borrow().clone()
    }

    /// Waits until it goes so for `log`; it goes on as it last went where the publisher has ended.
    pub async fn wait_for(&mut self, log: Log, so: impl FnMut(&Standing) -> bool) -> Standing {
        let found = self.0[log as usize].wait_for(so).await.map(|standing| standing.clone());
        found.unwrap_or_else(|_| self.of(log))
    }
}

/// How far one log is published.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The last position of the log that is known here.
    pub head: u64,
    /// The last position that the stream surely has; unknown before it was found.
    pub published: Option<u64>,
    /// Which filling of the bus, once it was found.
    pub epoch: Option<u64>,
    /// When the oldest event was recorded that is not published, while publishing fails.
    pub oldest_at: Option<TimeStamp>,
    /// Why it fails now.
    pub fault: Option<Arc<BusError>>,
    /// The last event that nodes must fetch, since it is too big for a message.
    pub too_big: Option<TooBig>,
}

impl Standing {
    /// How many events are not published; unknown before the stream was found.
    pub fn backlog(&self) -> Option<u64> {
        self.published.map(|published| self.head.saturating_sub(published))
    }

    /// Logs a fault once, not with every attempt.
    pub(super) fn say(&self, log: Log, error: &BusError) {
        let known = self.fault.as_ref().is_some_and(|known| known.to_string() == error.to_string());
        if known {
            tracing::debug!(%error, %log, "events are not published");
        } else {
            tracing::warn!(%error, %log, backlog = self.backlog(), "events are not published; nodes ask for them");
        }
    }
}
