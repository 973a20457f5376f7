//! Answers to API clients: this file alone makes their errors.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use relay::{CallError, Rates, Refused, Retry};
use utoipa::ToSchema;
use wire::openai_chat::error::{self, ErrorCode};

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientError {
    code: ErrorCode,
    /// The code's, but for a provider's refusal, which keeps its own.
    status: StatusCode,
    message: String,
    param: Option<String>,
    retry: Retry,
    rates: Option<Box<Rates>>,
    trace: Option<TraceName>,
}

/// The trace that a call belongs to which is answered with an error, for whoever logs that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceName(pub(crate) String);

impl ClientError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            code,
            status,
            message: message.into(),
            param: None,
            retry: Retry::Unsaid,
            rates: None,
            trace: None,
        }
    }

    /// To be sent again after so long.
    pub(crate) fn after(self, pause: Duration) -> Self {
        Self { retry: Retry::After(pause), ..self }
    }

    /// Of a call in that trace.
    pub(super) fn traced(self, trace_id: Option<String>) -> Self {
        Self { trace: trace_id.map(TraceName), ..self }
    }

    /// The same for whoever draws traces.
    pub(super) fn refused(&self) -> Refused {
        Refused { status: self.status.as_u16(), error: self.code.code().into(), model: None }
    }
}

impl From<CallError> for ClientError {
    fn from(error: CallError) -> Self {
        Self {
            code: error.code(),
            status: error.status(),
            message: error.to_string(),
            param: error.param().map(str::to_owned),
            retry: error.retry(),
            rates: error.rates().map(Box::new),
            trace: None,
        }
    }
}

impl IntoResponse for ClientError {
    fn into_response(self) -> Response {
        let body = error::body(self.code, &self.message, self.param.as_deref());
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (self.status, [json], body).into_response();
        response.headers_mut().extend(self.rates.iter().flat_map(|rates| rates.headers()));
        if let Some(trace) = self.trace {
            response.extensions_mut().insert(trace);
        }
        let headers = response.headers_mut();
        match self.retry {
            Retry::Unsaid => {}
            Retry::Never => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
            Retry::After(pause) => {
                // Whole seconds, rounded up: whoever comes too early is refused again.
                let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
        }
        response
    }
}

/// An error in OpenAI's format.
#[derive(ToSchema)]
#[schema(as = ClientError, example = json!({"error": {
    "message": "the API key is disabled", "type": "invalid_request_error", "param": null,
    "code": "invalid_api_key"
}}))]
#[expect(dead_code, reason = "documents what `wire` writes")]
pub(crate) struct ClientErrorView {
    error: ClientErrorBody,
}

/// What is wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `wire` writes")]
pub(crate) struct ClientErrorBody {
    /// For people.
    message: String,
    /// OpenAI's kind of error.
    r#type: String,
    /// Which field of the request it is about.
    #[schema(required = true)]
    param: Option<String>,
    /// For programs; a closed list.
    #[schema(example = "invalid_api_key")]
    code: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{http::StatusCode, response::IntoResponse};
    use relay::CallError;

    use super::ClientError;

    fn header(error: CallError, name: &str) -> (StatusCode, Option<String>) {
        let response = ClientError::from(error).into_response();
        let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status(), value)
    }

    #[test]
    fn a_client_is_told_not_to_try_again_when_there_is_too_little() {
        let told = header(CallError::Insufficient, "x-should-retry");
        assert_eq!(told, (StatusCode::TOO_MANY_REQUESTS, Some("false".into())));
    }

    #[test]
    fn a_pause_is_told_in_whole_seconds_that_are_long_enough() {
        let limited = CallError::RateLimited { retry_after: Some(Duration::from_millis(1_500)) };
        assert_eq!(header(limited, "retry-after").1, Some("2".into()));
        assert_eq!(header(CallError::RateLimited { retry_after: None }, "retry-after").1, None);
    }

    #[test]
    fn a_providers_refusal_keeps_its_status() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let refused = CallError::Rejected { status, message: "no".into() };
        assert_eq!(header(refused, "retry-after").0, status);
    }
}
