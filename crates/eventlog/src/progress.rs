//! How far a long reading has come.

use domain::Log;

/// How far a reading of a log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The log that is being read.
    pub log: Log,
    /// The event at hand.
    pub position: u64,
    /// The last one that will be read.
    pub end: u64,
}
