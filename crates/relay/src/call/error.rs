//! Why a call was not answered, as its client is told.

use std::time::Duration;

use domain::{ModelName, NameError};
use http::StatusCode;
use thiserror::Error;
use wire::{RequestError, openai_chat::error::ErrorCode};

use crate::{
    LedgerError, Limited, Rates, ReserveError, Spent,
    adaptor::PrepareError,
    health::{Resting, Why},
    upstream::UpstreamError,
};

/// When to come again where no money can be set aside: by then a node that was cut off may be heard again.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no answer. Its text is for the client; it names no channel and no key.
#[derive(Debug, Error)]
pub enum CallError {
    /// The body is no request.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// The model's name can be none.
    #[error("`model`: {0}")]
    ModelName(#[source] NameError),
    /// Nobody serves the model to this caller.
    #[error("the model `{0}` does not exist, or this key may not use it")]
    ModelNotFound(ModelName),
    /// Those who serve the model do not take this kind of request.
    #[error("the model `{0}` is served here, but not at this path")]
    NotServedAs(ModelName),
    /// Nobody has said what the model costs.
    #[error("the model `{0}` has no price here, so it is not served")]
    NoPrice(ModelName),
    /// The caller sends too much.
    #[error(transparent)]
    Limited(#[from] Box<Limited>),
    /// The account has too little.
    #[error(
        "this call may cost more than is left: add credit, raise the limit, or ask for fewer output tokens"
    )]
    Insufficient,
    /// A budget that binds the caller has too little.
    #[error(transparent)]
    Budget(#[from] Spent),
    /// Nobody pays.
    #[error("the account that pays for this key is closed")]
    Closed,
    /// No money can be set aside now.
    #[error("the ledger cannot be reached now; try again")]
    Unavailable,
    /// The provider says that the request is wrong.
    #[error("{message}")]
    Rejected {
        /// The provider's.
        status: StatusCode,
        /// The provider's.
        message: String,
    },
    /// Every channel that could answer is limited.
    #[error("the providers of this model take no more requests now")]
    RateLimited {
        /// How long to wait, where one said so.
        retry_after: Option<Duration>,
    },
    /// Every channel that could answer has failed too often, and is left alone for now.
    #[error("every provider of this model has failed of late; try again after a pause")]
    Resting {
        /// When one is tried again.
        retry_after: Duration,
    },
    /// Nobody answered in time.
    #[error("no provider answered in time")]
    Timeout,
    /// Nobody answered.
    #[error("no provider of this model answered")]
    Upstream,
    /// A fault of this process.
    #[error("something went wrong here; the call was ended")]
    Internal,
}

/// Whether the client should try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would not help: `x-should-retry: false`.
    Never,
    /// After a pause: `Retry-After`.
    After(Duration),
    /// As it likes.
    Unsaid,
}

impl CallError {
    /// The code in the client's format.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Request(RequestError::Json) => ErrorCode::InvalidJson,
            Self::Request(_) | Self::ModelName(_) => ErrorCode::InvalidRequest,
            Self::ModelNotFound(_) | Self::NotServedAs(_) | Self::NoPrice(_) => ErrorCode::ModelNotFound,
            Self::Insufficient | Self::Budget(_) => ErrorCode::InsufficientQuota,
            Self::Closed => ErrorCode::Forbidden,
            Self::Unavailable | Self::Resting { .. } => ErrorCode::Overloaded,
            Self::Rejected { status, .. } if status.as_u16() == 413 => ErrorCode::BodyTooLarge,
            Self::Rejected { .. } => ErrorCode::InvalidRequest,
            Self::Limited(_) | Self::RateLimited { .. } => ErrorCode::RateLimitExceeded,
            Self::Timeout => ErrorCode::UpstreamTimeout,
            Self::Upstream => ErrorCode::UpstreamError,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// The code's status, but for a provider's refusal, which keeps its own.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Rejected { status, .. } => *status,
            other => StatusCode::from_u16(other.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The field at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Request(error) => error.param(),
            Self::ModelName(_) | Self::ModelNotFound(_) | Self::NotServedAs(_) | Self::NoPrice(_) => {
                Some("model")
            }
            _ => None,
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Insufficient | Self::Budget(_) | Self::Closed => Retry::Never,
            Self::Limited(limited) => {
                limited.wait_ms.map_or(Retry::Never, |wait_ms| Retry::After(Duration::from_millis(wait_ms)))
            }
            Self::RateLimited { retry_after: Some(pause) } | Self::Resting { retry_after: pause } => {
                Retry::After(*pause)
            }
            Self::Unavailable => Retry::After(UNAVAILABLE_PAUSE),
            _ => Retry::Unsaid,
        }
    }

    /// What is left of the caller's limits, where that is why.
    pub fn rates(&self) -> Option<Rates> {
        match self {
            Self::Limited(limited) => Some(limited.rates),
            _ => None,
        }
    }

    /// Of two attempts that failed, what the client is told: a limit, since waiting helps; else a time-out.
    pub(super) fn or(self, earlier: Option<Self>) -> Self {
        match (self, earlier) {
            (this, None) => this,
            (Self::RateLimited { retry_after: a }, Some(Self::RateLimited { retry_after: b })) => {
                Self::RateLimited { retry_after: a.into_iter().chain(b).min() }
            }
            (this @ Self::RateLimited { .. }, _) => this,
            (_, Some(earlier @ (Self::RateLimited { .. } | Self::Timeout))) => earlier,
            (this, Some(_)) => this,
        }
    }
}

impl From<Resting> for CallError {
    fn from(Resting { pause, why }: Resting) -> Self {
        match why {
            Why::Limited => Self::RateLimited { retry_after: Some(pause) },
            Why::Failing => Self::Resting { retry_after: pause },
        }
    }
}

impl From<ReserveError> for CallError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Insufficient => Self::Insufficient,
            ReserveError::Budget(spent) => Self::Budget(spent),
            ReserveError::Closed => Self::Closed,
            ReserveError::WindowOver | ReserveError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<LedgerError> for CallError {
    fn from(_: LedgerError) -> Self {
        Self::Unavailable
    }
}

impl From<PrepareError> for CallError {
    fn from(_: PrepareError) -> Self {
        Self::Internal
    }
}

impl From<UpstreamError> for CallError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Rejected { status, message } => {
                let message =
                    message.unwrap_or_else(|| format!("the provider refused the request: {status}"));
                Self::Rejected { status, message }
            }
            UpstreamError::RateLimited { retry_after, .. } => Self::RateLimited { retry_after },
            UpstreamError::TimedOut => Self::Timeout,
            UpstreamError::Unreachable(_)
            | UpstreamError::Broken(_)
            | UpstreamError::KeyRefused { .. }
            | UpstreamError::Elsewhere { .. }
            | UpstreamError::Failed { .. }
            | UpstreamError::Answer(_)
            | UpstreamError::Stream(_)
            | UpstreamError::TooLong { .. } => Self::Upstream,
        }
    }
}
