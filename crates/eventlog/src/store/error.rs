//! How the store fails.

use std::sync::Arc;

use domain::Log;
use thiserror::Error;

/// The store failed. The business never says no with one of these.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A stream is not where the writer thought it was.
    #[error("stream {stream} is at version {found}, not {expected}")]
    Conflict {
        /// Which stream.
        stream: String,
        /// Where it should be.
        expected: u64,
        /// Where it is.
        found: u64,
    },
    /// A log does not end where its head says.
    #[error("the {log} log's head is at {head}, its last event at {last}. Run `veloera audit verify`")]
    Head {
        /// Which log.
        log: Log,
        /// What the head says.
        head: u64,
        /// The last event.
        last: u64,
    },
    /// A log lacks a position.
    #[error(
        "the {log} log has no position {expected}; the next one there is {found}. Run `veloera audit verify`"
    )]
    Hole {
        /// Which log.
        log: Log,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A payload cannot be read.
    #[error("the {log} log's event {position} cannot be read: {source}")]
    Decode {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A payload was written by a newer version.
    #[error(
        "the {log} log's event {position} is a `{event_type}` of version {version}, which this program does not \
         know: it was written by a newer veloera; use that one"
    )]
    NewerEvent {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Its type tag.
        event_type: String,
        /// The version of its shape.
        version: u32,
    },
    /// A payload is older than what this program was made to read.
    #[error(
        "the {log} log's event {position} is a `{event_type}` that this program can bring to version {version} and \
         no further: an upcaster is missing"
    )]
    NoUpcast {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Its type tag.
        event_type: String,
        /// The version that nothing reads.
        version: u32,
    },
    /// A payload is not what its version says.
    #[error(
        "the {log} log's event {position} cannot be read as a `{event_type}` of version {version}: {source}"
    )]
    Upcast {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Its type tag.
        event_type: String,
        /// The version that it has, or was brought to.
        version: u32,
        /// What is wrong with it.
        source: domain::UpcastError,
    },
    /// A payload cannot be written.
    #[error("an event cannot be written as JSON: {0}")]
    Encode(serde_json::Error),
    /// The tables were made by a newer version.
    #[error(
        "the database's `{component}` tables are of version {found}, this program knows {known}: use the newer \
         veloera, or restore the database from before the upgrade"
    )]
    NewerDatabase {
        /// Which part's.
        component: String,
        /// What they are.
        found: i64,
        /// What is known here.
        known: usize,
    },
    /// The tables were made by an older version, and whoever only reads cannot bring them up to date.
    #[error(
        "the database's `{component}` tables are of version {found}, this program knows {known}: bring them up to \
         date with `veloera migrate`, or read them with the older veloera"
    )]
    OlderDatabase {
        /// Which part's.
        component: String,
        /// What they are.
        found: i64,
        /// What is known here.
        known: usize,
    },
    /// A read model cannot take an event in.
    #[error("the read model `{model}` failed at the {log} log's event {position}: {reason}")]
    Inline {
        /// Which one.
        model: &'static str,
        /// At which log.
        log: Log,
        /// At which event.
        position: u64,
        /// Why.
        reason: String,
    },
    /// Stored text is not what this program writes.
    #[error("the database holds something that is no {0}")]
    Malformed(&'static str),
    /// Something could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] crate::SealError),
    /// The transaction failed that this was a part of, with everything else in it.
    #[error("the append transaction failed: {0}")]
    Aborted(Arc<StoreError>),
    /// A decision did not come to its end.
    #[error("a decision panicked; nothing of it stands")]
    Panicked,
    /// A decision made light of an append that had failed.
    #[error("a decision went on after its append had failed; nothing of it stands")]
    WentOn,
    /// The appender has ended.
    #[error("the log is closed")]
    Closed,
}
