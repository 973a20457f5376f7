//! Where nodes tell one another what they have counted: the port, and who uses it.

use std::{sync::Arc, time::Duration};

use domain::CallCounts;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Limits;
use crate::Relay;

/// How often it is looked whether there is anything to tell.
const TICK: Duration = Duration::from_millis(50);
/// How long an exchange may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(1);

/// What one node has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Names the subject, the same on every node.
    pub subject: String,
    /// All that this node has counted of it.
    pub counts: CallCounts,
}

/// What the others have counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// How many nodes there are, this one among them.
    pub nodes: u64,
    /// Another one than before where everything that was told is forgotten.
    pub epoch: String,
    /// Of each subject that was told, in that order: the sum of all other nodes.
    pub others: Vec<CallCounts>,
}

/// Nobody was heard.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BoardError(pub String);

/// Where nodes tell one another what they have counted. What one tells takes the place of what it told before.
pub trait Board: Send + Sync + 'static {
    /// Tells what this node has counted, and answers with what the others told. To tell nothing says that it is there.
    fn exchange(&self, said: Vec<Said>) -> BoxFuture<'_, Result<Exchanged, BoardError>>;
}

impl Relay {
    /// Counts together with the other nodes, for as long as it is polled.
    pub async fn share_limits(self: Arc<Self>, board: Arc<dyn Board>) {
        self.limits.share(&*board).await;
    }
}

impl Limits {
    pub(super) async fn share(&self, board: &dyn Board) {
        self.book.lock().share();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            tick.tick().await;
            let Some(told) = self.book.lock().due(self.clock.boot_ms()) else { continue };
            let exchanged = match timeout(EXCHANGE_MAX, board.exchange(told.said())).await {
                Ok(exchanged) => exchanged,
                Err(_) => Err(BoardError("no answer came in time".into())),
            };
            let now_ms = self.clock.boot_ms();
            let failed = self.book.lock().hear(told, exchanged, now_ms).err();
            report(&mut is_away, failed.as_ref());
        }
    }
}

/// Says that the others are not heard when that begins, and that they are when it ends.
fn report(is_away: &mut bool, failed: Option<&BoardError>) {
    match failed {
        Some(error) if !*is_away => {
            tracing::error!(%error, "what other nodes have counted is not known: each keeps to its part of the limits");
        }
        None if *is_away => tracing::info!("what other nodes have counted is known again"),
        Some(_) | None => {}
    }
    *is_away = failed.is_some();
}
