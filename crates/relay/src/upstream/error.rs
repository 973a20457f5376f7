//! What may go wrong at a provider, sorted by what is done next.

use std::time::Duration;

use domain::account::AttemptOutcome;
use http::StatusCode;
use thiserror::Error;
use wire::openai_chat::{AnswerError, StreamError};

use crate::{ErrorType, health::Fault};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an attempt brought no answer.
#[derive(Debug, Error)]
pub(crate) enum UpstreamError {
    /// No connection stood: nothing was written.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] BoxError),
    /// The connection broke after the request may have been written.
    #[error("the connection broke: {0}")]
    Broken(#[source] BoxError),
    /// It took too long.
    #[error("it did not answer in time")]
    TimedOut,
    /// It says that the request is wrong.
    #[error("it refused the request with status {status}")]
    Rejected { status: StatusCode, message: Option<String> },
    /// It does not take our key, or our account there is empty.
    #[error("it refused the channel's key with status {status}")]
    KeyRefused { status: StatusCode },
    /// It does not take this request here or now.
    #[error("it does not serve this request: status {status}")]
    Elsewhere { status: StatusCode },
    /// Too many requests.
    #[error("it limits this channel with status {status}")]
    RateLimited { status: StatusCode, retry_after: Option<Duration> },
    /// It broke, or has too much to do.
    #[error("it failed with status {status}")]
    Failed { status: StatusCode, retry_after: Option<Duration> },
    /// Its answer is none.
    #[error("its answer cannot be read: {0}")]
    Answer(#[from] AnswerError),
    /// Its stream is none.
    #[error("its stream cannot be read: {0}")]
    Stream(#[from] StreamError),
    /// Its answer is longer than any is taken.
    #[error("its answer is longer than {bytes_max} bytes")]
    TooLong { bytes_max: usize },
}

/// What the call does next. What the next calls do is [`Fault`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It would be the same everywhere.
    GiveUp,
    /// Another key may be taken, here or elsewhere.
    TryOtherKey,
    /// Another channel may answer.
    TryElsewhere,
}

impl UpstreamError {
    /// A client's error: whether the request was written decides what it may cost.
    pub(super) fn of(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() { Self::Unreachable(error.into()) } else { Self::Broken(error.into()) }
    }

    /// A body's error.
    pub(crate) fn broken(error: hyper::Error) -> Self {
        Self::Broken(error.into())
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        match self {
            Self::Rejected { .. } => Verdict::GiveUp,
            Self::KeyRefused { .. } | Self::RateLimited { .. } => Verdict::TryOtherKey,
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::TimedOut
            | Self::Elsewhere { .. }
            | Self::Failed { .. }
            | Self::Answer(_)
            | Self::Stream(_)
            | Self::TooLong { .. } => Verdict::TryElsewhere,
        }
    }

    /// The kind of it, of which there are few.
    pub(crate) fn kind(&self) -> ErrorType {
        match self {
            Self::Unreachable(_) => "unreachable".into(),
            Self::Broken(_) => "broken".into(),
            Self::TimedOut => "timeout".into(),
            Self::Answer(_) | Self::Stream(_) => "unreadable".into(),
            Self::TooLong { .. } => "too_long".into(),
            Self::Rejected { status, .. }
            | Self::KeyRefused { status }
            | Self::Elsewhere { status }
            | Self::RateLimited { status, .. }
            | Self::Failed { status, .. } => status.as_u16().to_string().into(),
        }
    }

    /// What it says about the channel's health; nothing where the request is at fault.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Rejected { .. } => None,
            Self::KeyRefused { status } if *status == StatusCode::UNAUTHORIZED => Some(Fault::Refused),
            Self::KeyRefused { .. } => Some(Fault::Doubted),
            Self::RateLimited { retry_after, .. } => Some(Fault::Limited(*retry_after)),
            Self::Failed { retry_after, .. } => Some(Fault::Failed(*retry_after)),
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::TimedOut
            | Self::Elsewhere { .. }
            | Self::Answer(_)
            | Self::Stream(_)
            | Self::TooLong { .. } => Some(Fault::Failed(None)),
        }
    }

    /// Only what is provably not billed counts as such.
    pub(crate) const fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Unreachable(_)
            | Self::Rejected { .. }
            | Self::KeyRefused { .. }
            | Self::Elsewhere { .. }
            | Self::RateLimited { .. } => AttemptOutcome::Unbilled,
            Self::Broken(_)
            | Self::TimedOut
            | Self::Failed { .. }
            | Self::Answer(_)
            | Self::Stream(_)
            | Self::TooLong { .. } => AttemptOutcome::Unknown,
        }
    }
}
