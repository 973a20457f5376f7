//! Following a log from another node: what comes next is taken in, what is missing is fetched, and where the log is
//! another one than before all of it is fetched anew.
//!
//! Events may be hinted at by a bus that loses, repeats and reorders; the [`Source`] has them all, in order.

mod course;
mod follower;
mod hints;
mod source;
#[cfg(test)]
mod tests;

use std::{fs::File, io::Write};

use eventlog::{Place, Recorded, StoreError};
use futures_util::future::BoxFuture;
use thiserror::Error;

pub use self::{follower::Follower, source::ControlSource};
use crate::EventPage;

/// Who has the log did not answer, or not well.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct SourceError(pub Box<dyn std::error::Error + Send + Sync>);

/// Who has the log. How long it takes to answer is bounded by itself.
pub trait Source: Send + Sync + 'static {
    /// All that it has come to, for [`Replica::rebuild`]: a file that stands where that begins.
    fn snapshot(&self) -> BoxFuture<'_, Result<File, SourceError>>;

    /// The events after `after`, at most `limit`; where there are none, those that come within `wait_ms`.
    fn events(&self, after: u64, limit: usize, wait_ms: u64)
    -> BoxFuture<'_, Result<EventPage, SourceError>>;

    /// Is told how far this node has come.
    fn applied(&self, position: u64) -> BoxFuture<'_, Result<(), SourceError>>;
}

/// A snapshot could not be made or taken.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct ReplicaError(pub Box<dyn std::error::Error + Send + Sync>);

/// What is made of the log here.
pub trait Replica: Send + Sync + 'static {
    /// Which log it follows, and how far it has come.
    fn place(&self) -> Place;

    /// Takes in what comes next.
    ///
    /// # Errors
    /// When it is not what comes next, or cannot be understood; what came before holds.
    fn take(&self, events: &[Recorded]) -> Result<(), StoreError>;

    /// Puts a snapshot in the place of everything; it may be read from for as long as no other is.
    ///
    /// # Errors
    /// When it is none; what is known stays.
    fn rebuild(&self, snapshot: File) -> Result<(), ReplicaError>;

    /// Writes all that it has come to, as it goes, for there may be much of it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write<'r>(&'r self, out: &mut dyn Write) -> Result<Written<'r>, ReplicaError>;

    /// Whether so much came since that was last written that it should be again without a wait.
    fn is_crowded(&self) -> bool {
        false
    }

    /// Whether it has something to write that no event brought.
    fn has_unwritten(&self) -> bool {
        false
    }
}

/// What a replica wrote.
pub struct Written<'r> {
    /// Where it had come to.
    pub place: Place,
    /// Is told in which file that stands by now, from where it stands.
    pub read_from: Box<dyn FnOnce(File) -> Result<(), ReplicaError> + 'r>,
}

/// Why a log is not followed for now.
#[derive(Debug, Error)]
pub enum FollowError {
    /// Nobody who has it answers.
    #[error("no control node answers: {0}")]
    Source(#[from] SourceError),
    /// What it says cannot be taken in.
    #[error("what the log says cannot be taken in: {0}")]
    Untaken(#[from] StoreError),
    /// The snapshot cannot.
    #[error("the snapshot cannot be taken: {0}")]
    Snapshot(#[from] ReplicaError),
    /// The log ends before what was known of it.
    #[error("the log ends at {head}, and {position} was known: a control node lags, or was restored")]
    Behind {
        /// Where it ends.
        head: u64,
        /// What was known.
        position: u64,
    },
}
