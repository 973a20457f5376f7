//! The usage log: a projection of the `ledger` log that follows at a distance, with a checkpoint.

mod checkpoint;
mod compare;
mod page;
mod query;
mod row;
mod store;
#[cfg(test)]
mod tests;
mod totals;

use std::{sync::Arc, time::Duration};

use domain::Log;
use eventlog::{Component, EventLog, Heads, Migration, PAGE_MAX, StoreError};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::{
    checkpoint::Checkpoint,
    page::Page,
    store::{rebuild, write},
    totals::Totals,
};
pub use self::{
    compare::CallsCompare,
    query::{CallFilter, list},
    row::CallRow,
    totals::{CallKind, CallTotals},
};

/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to gather what a burst of calls appends, so that it takes one transaction and not many.
const GATHER: Duration = Duration::from_millis(100);

/// Follows the `ledger` log into the table `calls`.
pub struct Calls {
    positions: watch::Sender<u64>,
    totals: Mutex<Totals>,
}

impl Calls {
    /// Its tables.
    pub const COMPONENT: Component = Component {
        name: "calls",
        migrations: &[Migration {
            sqlite: include_str!("calls/v1.sql"),
            postgres: include_str!("calls/v1.postgres.sql"),
        }],
    };

    /// Where it left off; nothing is done before it follows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(log: &EventLog) -> Result<Arc<Self>, StoreError> {
        let checkpoint = checkpoint::find(&mut log.read_pool().acquire().await?).await?;
        let position = checkpoint.map_or(0, |checkpoint| checkpoint.position);
        Ok(Arc::new(Self { positions: watch::Sender::new(position), totals: Mutex::default() }))
    }

    /// The `ledger` position up to which the calls are listed.
    pub fn position(&self) -> u64 {
        *self.positions.borrow()
    }

    /// What the calls add up to that were listed since the process started.
    pub fn totals(&self) -> Vec<(CallKind, CallTotals)> {
        self.totals.lock().list()
    }

    /// Wakes whoever waits for a position.
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }

    /// Takes in what is appended, until the log's appender has ended. Where the store fails it says so, and goes on
    /// from its checkpoint. It writes, so the appender does not end before this does.
    pub async fn follow(self: Arc<Self>, log: EventLog) {
        let mut heads = log.subscribe();
        while let Err(error) = self.run(&log, &mut heads).await {
            tracing::error!(%error, position = self.position(), "the usage log cannot follow the ledger log");
            if heads.has_changed().is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn run(&self, log: &EventLog, heads: &mut watch::Receiver<Heads>) -> Result<(), StoreError> {
        let mut checkpoint = self.resume(log).await?;
        loop {
            let events = log.reader().read(Log::Ledger, checkpoint.position, PAGE_MAX).await?;
            let full = events.len() == PAGE_MAX;
            if let Some(last) = events.last() {
                let next = checkpoint.at(last);
                let mut page = Page::of(&events)?;
                let totals = page.take_totals();
                write(log, page, checkpoint, next).await?;
                self.totals.lock().merge(totals);
                self.positions.send_replace(next.position);
                checkpoint = next;
            }
            if full {
                continue;
            }
            if heads.wait_for(|heads| heads.ledger > checkpoint.position).await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Where to go on from: the checkpoint if it is of this very log, else the beginning, with nothing listed.
    async fn resume(&self, log: &EventLog) -> Result<Checkpoint, StoreError> {
        let start = Checkpoint::start(log.reader().log_id(Log::Ledger));
        let checkpoint = match checkpoint::find(&mut log.read_pool().acquire().await?).await? {
            None => start,
            Some(found) if found.stands(log.reader()).await? => found,
            Some(found) => {
                tracing::warn!(
                    position = found.position,
                    "the usage log was made from another ledger log: rebuilding it"
                );
                rebuild(log, start).await?;
                start
            }
        };
        self.positions.send_replace(checkpoint.position);
        Ok(checkpoint)
    }
}
