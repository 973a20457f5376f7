//! From the logs to NATS.
//!
//! The stream's own tail is the only checkpoint: what a server has lost is sent again, to the same place. Each message
//! says which sequence it must have, so that any number of publishers may work at once: one of them stores it, the
//! others are told that it is there. Whoever appends publishes, without asking who else does.

mod attach;
mod send;
mod standing;

use std::{sync::Arc, time::Duration};

use domain::Log;
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use self::attach::Outlet;
pub use self::standing::{Standing, Standings};
use super::{BusError, HEAD_EVERY_MS, Head, Nats, pause::Pause};
use crate::{Clock, EventLog, Heads, LogReader, StoreError, passage::PassageObserver};

/// Publishes what is appended to both logs. It keeps neither open.
pub struct Publisher {
    lines: [Line; 2],
}

impl Publisher {
    /// For the logs of one installation.
    pub fn new(nats: &Nats, log: &EventLog, clock: &Arc<dyn Clock>) -> Self {
        let line = |of| Line {
            log: of,
            nats: nats.clone(),
            reader: log.reader().clone(),
            heads: log.subscribe(),
            clock: Arc::clone(clock),
            standing: watch::Sender::new(Standing::default()),
            outlet: None,
            doubted: true,
            observer: None,
        };
        Self { lines: Log::ALL.map(line) }
    }

    /// Whoever is to know what becomes of traced events.
    #[must_use]
    pub fn observed_by(self, observer: &Arc<dyn PassageObserver>) -> Self {
        Self { lines: self.lines.map(|line| Line { observer: Some(Arc::clone(observer)), ..line }) }
    }

    /// How it goes.
    pub fn standings(&self) -> Standings {
        Standings(self.lines.each_ref().map(|line| line.standing.subscribe()))
    }

    /// Works until the logs are closed, and tries once more then.
    pub async fn run(self) {
        join_all(self.lines.map(Line::run)).await;
    }
}

/// One log on its way.
struct Line {
    log: Log,
    nats: Nats,
    reader: LogReader,
    heads: watch::Receiver<Heads>,
    clock: Arc<dyn Clock>,
    standing: watch::Sender<Standing>,
    /// Where it goes, once that was found.
    outlet: Option<Outlet>,
    /// Whether to look again how the stream stands: others write it too, and a server may lose it.
    doubted: bool,
    observer: Option<Arc<dyn PassageObserver>>,
}

impl Line {
    async fn run(mut self) {
        let mut beat = interval(Duration::from_millis(HEAD_EVERY_MS));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pause = Pause::default();
        loop {
            // Asked first: what is appended up to here goes out before the end.
            let closed = self.heads.has_changed().is_err();
            let passed = self.pass().await;
            let failed = passed.is_err();
            self.report(passed).await;
            self.tell_head().await;
            if closed {
                return;
            }
            if failed {
                self.doubted = true;
                pause.wait().await;
                continue;
            }
            pause.end();
            tokio::select! {
                // An error says that the log is closed: once more, then.
                _ = self.heads.changed() => {}
                _ = beat.tick() => self.doubted = true,
            }
        }
    }

    /// Sends everything that there is.
    async fn pass(&mut self) -> Result<(), BusError> {
        self.nats.connections.mark_unchanged();
        self.nats.reached()?;
        self.heads.mark_unchanged();
        if self.doubted || self.outlet.is_none() {
            self.outlet = Some(self.attach(self.outlet).await?);
            self.doubted = false;
        }
        self.send_all().await
    }

    /// Tells how far the log has come, whether or not its events could be sent.
    async fn tell_head(&self) {
        if !self.nats.is_connected() {
            return;
        }
        let head = Head {
            log: self.log,
            log_id: self.reader.log_id(self.log),
            epoch: self.outlet.map(|outlet| outlet.epoch.number),
            position: self.standing.borrow().head,
            told_at: self.clock.now(),
        };
        let Ok(body) = head.seal(&self.nats.sealer) else { return };
        if let Err(error) = self.nats.client.publish(Head::subject(self.log), body.into()).await {
            tracing::debug!(%error, log = %self.log, "a head was not told");
        }
    }

    /// Notes how it went.
    async fn report(&self, passed: Result<(), BusError>) {
        let mut standing = self.standing.borrow().clone();
        standing.head = standing.head.max(self.heads.borrow().of(self.log));
        if let Some(outlet) = &self.outlet {
            standing.published = Some(outlet.proved);
            standing.epoch = Some(outlet.epoch.number);
            standing.head = standing.head.max(outlet.proved);
        }
        if let Err(error) = &passed {
            match self.look(&standing).await {
                Ok((head, oldest_at)) => (standing.head, standing.oldest_at) = (head, oldest_at),
                Err(error) => tracing::warn!(%error, log = %self.log, "the log cannot be looked at"),
            }
            standing.say(self.log, error);
        } else if standing.fault.is_some() {
            tracing::info!(log = %self.log, position = standing.published, "events are published again");
        }
        if passed.is_ok() {
            standing.oldest_at = None;
        }
        standing.fault = passed.err().map(Arc::new);
        self.standing.send_replace(standing);
    }

    /// The log's head, and the time of the oldest event that is not published.
    async fn look(&self, standing: &Standing) -> Result<(u64, Option<domain::TimeStamp>), StoreError> {
        let head = self.reader.heads().await?.of(self.log);
        let Some(published) = standing.published else { return Ok((head, None)) };
        let next = self.reader.read(self.log, published, 1).await?;
        Ok((head, next.first().map(|event| event.recorded_at)))
    }
}
