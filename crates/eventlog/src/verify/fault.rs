//! What an audit finds wrong.

use domain::Log;

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// I6: a position is missing.
    #[error("I6: the {log} log lacks position {expected}; the next one is {found}")]
    Hole {
        /// Which log.
        log: Log,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// I6: the head says something else than the events.
    #[error("I6: the {log} log's head is at {head}, its last event at {last}")]
    Head {
        /// Which log.
        log: Log,
        /// What the head says.
        head: u64,
        /// The last event.
        last: u64,
    },
    /// I6: a stream's version is not the next one.
    #[error("I6: event {position} of the {log} log is version {found} of {stream}, not {expected}")]
    Version {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Which stream.
        stream: String,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A stored byte is not what was written.
    #[error("event {position} of the {log} log was changed: its bytes do not give its hash")]
    Changed {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
    },
    /// A column does not even hold what such a column holds.
    #[error("event {position} of the {log} log was changed: it holds something that is no {what}")]
    Malformed {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// What it should hold.
        what: &'static str,
    },
    /// A snapshot is not the fold of its events.
    #[error(
        "the {log} log's snapshot of {stream} at version {version} is not what its events make: loads are wrong until \
         it is deleted from the table `snapshots`"
    )]
    Snapshot {
        /// Which log.
        log: Log,
        /// Which stream.
        stream: String,
        /// The version that it stands for.
        version: u64,
    },
    /// Time went back.
    #[error("event {position} of the {log} log is recorded before the event in front of it")]
    Time {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
    },
}

/// Where a read model is not what its log makes of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("I7: the read model `{model}` is not what the log says, at event {position} of the {log} log")]
pub struct ModelFault {
    /// Which read model.
    pub model: &'static str,
    /// Which log it follows.
    pub log: Log,
    /// The event that it lacks, that it shows otherwise, or that it shows and that is not there.
    pub position: u64,
}
