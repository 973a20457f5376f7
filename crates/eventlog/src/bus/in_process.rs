//! The bus within one process: the log itself, read as it grows.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use domain::Log;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{Bus, HEAD_EVERY_MS, Head, Heard, Subscription, pause::Pause};
use crate::{Clock, Envelope, EventLog, Heads, LogReader, PAGE_MAX, Sealer};

/// Nothing is ever filled anew.
const EPOCH: u64 = 1;

/// Tells whoever is in the same process. Its subscriptions end when the log is closed.
#[derive(Clone)]
pub struct InProcess {
    reader: LogReader,
    heads: watch::Receiver<Heads>,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
}

impl InProcess {
    /// What is appended to `log`, which it does not keep open.
    pub fn new(log: &EventLog, clock: Arc<dyn Clock>) -> Self {
        let (reader, sealer) = (log.reader().clone(), log.sealer().clone());
        Self { reader, heads: log.subscribe(), sealer, clock }
    }
}

impl Bus for InProcess {
    fn subscribe(&self, log: Log, after: u64) -> Subscription {
        let mut beat = interval(Duration::from_millis(HEAD_EVERY_MS));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let follower =
            Follower { bus: self.clone(), log, after, head: 0, told: false, beat, page: VecDeque::new() };
        stream::unfold(follower, |mut follower| async move {
            let heard = follower.next().await?;
            Some((heard, follower))
        })
        .boxed()
    }
}

struct Follower {
    bus: InProcess,
    log: Log,
    /// What was read, not what was yielded.
    after: u64,
    /// The last position that was read.
    head: u64,
    /// Whether the head was told since there was last anything to read.
    told: bool,
    beat: Interval,
    page: VecDeque<Envelope>,
}

impl Follower {
    async fn next(&mut self) -> Option<Heard> {
        let mut pause = Pause::default();
        loop {
            if let Some(envelope) = self.page.pop_front() {
                return Some(Heard::Event(Box::new(envelope)));
            }
            if !self.told {
                match self.read().await {
                    Ok(true) => continue,
                    Ok(false) => {
                        self.told = true;
                        return Some(Heard::Head(self.head()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, log = %self.log, "the log cannot be followed");
                        pause.wait().await;
                    }
                }
            }
            // Another process may append to the same log: it is looked at with every beat, woken or not.
            tokio::select! {
                changed = self.bus.heads.changed() => changed.ok()?,
                _ = self.beat.tick() => {}
            }
            self.told = false;
        }
    }

    /// Whether there is more.
    async fn read(&mut self) -> Result<bool, crate::StoreError> {
        let events = self.bus.reader.read(self.log, self.after, PAGE_MAX).await?;
        if let Some(last) = events.last() {
            (self.after, self.head) = (last.position, last.position);
        }
        let log_id = self.bus.reader.log_id(self.log);
        self.page = events.into_iter().map(|event| Envelope::seal(&self.bus.sealer, log_id, event)).collect();
        Ok(!self.page.is_empty())
    }

    fn head(&self) -> Head {
        Head {
            log: self.log,
            log_id: self.bus.reader.log_id(self.log),
            epoch: Some(EPOCH),
            position: self.bus.heads.borrow().of(self.log).max(self.head),
            told_at: self.bus.clock.now(),
        }
    }
}
