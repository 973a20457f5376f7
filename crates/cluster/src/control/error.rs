//! Why a control node was of no help, sorted by what to do next.

use eventlog::{EnvelopeError, SealError};
use http::StatusCode;
use thiserror::Error;

/// Why a control node was of no help.
#[derive(Debug, Error)]
pub enum ControlError {
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Which one.
        url: String,
        /// Why.
        reason: String,
    },
    /// Nothing came in time.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// Which one.
        url: String,
    },
    /// Whoever answered does not hold the master key, or the answer was changed on its way. Nothing in it is believed.
    #[error(
        "what {url} answered bears no mark of this master key: it has another one, or the answer was changed"
    )]
    Unmarked {
        /// Which one.
        url: String,
    },
    /// More came than any answer has.
    #[error("{url} answers more than {bytes_max} bytes")]
    TooLarge {
        /// Which one.
        url: String,
        /// How many there may be.
        bytes_max: usize,
    },
    /// What it sends cannot be written down here.
    #[error("what the control node sends cannot be written down: {0}")]
    Disk(#[source] std::io::Error),
    /// It says no.
    #[error("{url} says no ({status}): {detail}")]
    Refused {
        /// Which one.
        url: String,
        /// How.
        status: StatusCode,
        /// For programs.
        code: String,
        /// Why.
        detail: String,
    },
    /// The answer has another shape.
    #[error("an answer of the control node cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// An event is not of the log that its page is of.
    #[error("the control node mixes logs: event {position} is of another one")]
    OtherLog {
        /// The place that it claims to have.
        position: u64,
    },
    /// An event bears no mark.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Nothing can be signed.
    #[error(transparent)]
    Random(#[from] SealError),
}

impl ControlError {
    /// Whether another control node may do better.
    pub(super) fn is_of_this_node(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Unmarked { .. } => true,
            Self::Refused { status, .. } => status.is_server_error(),
            Self::TooLarge { .. }
            | Self::Disk(_)
            | Self::Unreadable(_)
            | Self::OtherLog { .. }
            | Self::Envelope(_)
            | Self::Random(_) => false,
        }
    }

    /// Whether to ask again may help: nobody was reached, or whoever was is in trouble.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => status.is_server_error(),
            _ => false,
        }
    }

    /// Whether the control node does not know who asks: never enrolled, revoked, or the clocks are too far apart.
    pub fn is_of_a_stranger(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::UNAUTHORIZED, .. })
    }

    /// Whether what was asked about belongs to another node.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::FORBIDDEN, .. })
    }
}
