//! How admins are told no: RFC 9457 problems. This file alone makes them.

mod refused;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use eventlog::{Heads, SealError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::refused::Denial;

/// What is wrong, for programs: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub(crate) enum Code {
    /// The body is no JSON.
    InvalidJson,
    /// The body is JSON of another shape.
    InvalidBody,
    /// A header, a query parameter or an id in the path cannot be read.
    InvalidParameter,
    /// No valid admin key and no valid access token.
    Unauthenticated,
    /// No such sign-in name, or another password.
    InvalidCredentials,
    /// The session has ended.
    SessionEnded,
    /// The role may not do this.
    Forbidden,
    /// There is no such thing, or it belongs to someone else.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed,
    /// The thing is there already.
    AlreadyExists,
    /// A name that must be unique is taken.
    NameTaken,
    /// The account is closed.
    AccountClosed,
    /// The account has less than is asked.
    InsufficientFunds,
    /// The token was revoked for good.
    TokenRevoked,
    /// There are as many as there may be.
    LimitReached,
    /// The state of the thing does not allow it.
    NotAllowed,
    /// The key was used more than ten minutes ago.
    IdempotencyKeyExpired,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// The thing is not at the version of `If-Match`.
    PreconditionFailed,
    /// Too many guesses.
    TooManyAttempts,
    /// The body is larger than it may be.
    BodyTooLarge,
    /// The body took too long to come.
    RequestTimeout,
    /// The body is not said to be JSON.
    UnsupportedMediaType,
    /// A value that cannot be.
    InvalidValue,
    /// Something broke; nothing more is told.
    Internal,
    /// The log cannot be reached for now.
    Unavailable,
    /// The position asked for has not come in time.
    PositionNotReached,
}

impl Code {
    /// The status and what it says, for people.
    const fn told(self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidJson => (S::BAD_REQUEST, "The body is not JSON"),
            Self::InvalidBody => (S::BAD_REQUEST, "The body has another shape"),
            Self::InvalidParameter => (S::BAD_REQUEST, "A parameter cannot be read"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "No valid credential"),
            Self::InvalidCredentials => (S::UNAUTHORIZED, "No such name and password"),
            Self::SessionEnded => (S::UNAUTHORIZED, "The session has ended"),
            Self::Forbidden => (S::FORBIDDEN, "Your role may not do this"),
            Self::NotFound => (S::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "This path takes other methods"),
            Self::AlreadyExists => (S::CONFLICT, "It exists already"),
            Self::NameTaken => (S::CONFLICT, "The name is taken"),
            Self::AccountClosed => (S::CONFLICT, "The account is closed"),
            Self::InsufficientFunds => (S::CONFLICT, "The account has less than that"),
            Self::TokenRevoked => (S::CONFLICT, "The token is revoked"),
            Self::LimitReached => (S::CONFLICT, "There are as many as there may be"),
            Self::NotAllowed => (S::CONFLICT, "Its state does not allow this"),
            Self::IdempotencyKeyExpired => (S::CONFLICT, "The answer is no longer kept"),
            Self::IdempotencyKeyReused => {
                (S::UNPROCESSABLE_ENTITY, "The idempotency key was used for another request")
            }
            Self::PreconditionFailed => (S::PRECONDITION_FAILED, "It was changed meanwhile"),
            Self::TooManyAttempts => (S::TOO_MANY_REQUESTS, "Too many attempts"),
            Self::RequestTimeout => (S::REQUEST_TIMEOUT, "The body took too long to come"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (S::UNSUPPORTED_MEDIA_TYPE, "The body must be JSON"),
            Self::InvalidValue => (S::UNPROCESSABLE_ENTITY, "A value cannot be accepted"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "Something broke"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "Not available for now"),
            Self::PositionNotReached => (S::SERVICE_UNAVAILABLE, "The position has not come in time"),
        }
    }
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    /// How far the logs had come when the command was carried out, where that is known.
    positions: Option<Heads>,
    /// After how many seconds it is worth to try again, where that is known.
    retry_after: Option<u64>,
}

/// A problem as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:veloera:problem:not_found", "title": "There is no such thing", "status": 404,
    "detail": "there is no such channel", "code": "not_found"
}))]
pub(crate) struct ProblemView {
    /// Names the kind of problem.
    r#type: String,
    /// The kind in words.
    title: &'static str,
    /// The status again.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The kind for programs.
    code: Code,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), positions: None, retry_after: None }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// This, about something that was carried out before.
    pub(crate) fn at(self, positions: Heads) -> Self {
        Self { positions: Some(positions), ..self }
    }

    /// This, until so many seconds have passed.
    pub(crate) fn for_seconds(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What is wrong, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether another request would fare better.
    pub(crate) fn is_of_the_asker(&self) -> bool {
        self.code.told().0.is_client_error()
    }

    /// What is told of a fault, which is logged whole.
    fn broken(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Code::Internal, "the request failed; the server's log says why")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed | StoreError::Aborted(_) => Self::new(
                Code::Unavailable,
                "the log took no more work in; send the request again, with the same Idempotency-Key",
            ),
            error => Self::broken(&error),
        }
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        Self::broken(&error)
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::broken(&error)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::broken(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = self.code.told();
        let code = serde_json::to_value(self.code).ok();
        let code = code.as_ref().and_then(serde_json::Value::as_str).unwrap_or("internal");
        let view = ProblemView {
            r#type: format!("urn:veloera:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            code: self.code,
        };
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = (status, [json], body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let soon = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        if let Some(seconds) = self.retry_after.or(soon) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(positions) = self.positions {
            crate::dispatch::set_positions(headers, positions);
        }
        response
    }
}
