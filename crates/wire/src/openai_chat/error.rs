//! Errors in the client's format, and those of providers.

use std::borrow::Cow;

use bytes::Bytes;

use crate::json::{self, Kind};

/// The most that is kept of a provider's message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024;
/// The most that is kept of a provider's code, in bytes.
const CODE_BYTES_MAX: usize = 128;

/// What clients are told when a call comes to nothing: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The key is missing, wrong, revoked or expired.
    InvalidApiKey,
    /// The key may not do this.
    Forbidden,
    /// The request is readable, but wrong.
    InvalidRequest,
    /// The request is not readable.
    InvalidJson,
    /// The request is too long.
    BodyTooLarge,
    /// The request took too long to come.
    RequestTimeout,
    /// There is no such model for this key.
    ModelNotFound,
    /// The account cannot pay for this call.
    InsufficientQuota,
    /// Too much at once.
    RateLimitExceeded,
    /// No provider answered well.
    UpstreamError,
    /// No provider answered in time.
    UpstreamTimeout,
    /// This node has too much to do, or is going down.
    Overloaded,
    /// This node failed.
    Internal,
    /// The path exists, for another method.
    MethodNotAllowed,
    /// The path does not exist.
    NotFound,
}

impl ErrorCode {
    /// The HTTP status, by which SDKs choose the class of their error.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidJson => 400,
            Self::InvalidApiKey => 401,
            Self::Forbidden => 403,
            Self::ModelNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::InsufficientQuota | Self::RateLimitExceeded => 429,
            Self::Internal => 500,
            Self::UpstreamError => 502,
            Self::Overloaded => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// The name that programs go by.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidApiKey => "invalid_api_key",
            Self::Forbidden => "forbidden",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidJson => "invalid_json",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::ModelNotFound => "model_not_found",
            Self::InsufficientQuota => "insufficient_quota",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Overloaded => "service_unavailable",
            Self::Internal => "internal_error",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
        }
    }

    /// The coarser `type` of the format: whose fault it is.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::InvalidApiKey
            | Self::Forbidden
            | Self::InvalidRequest
            | Self::InvalidJson
            | Self::BodyTooLarge
            | Self::RequestTimeout
            | Self::ModelNotFound
            | Self::MethodNotAllowed
            | Self::NotFound => "invalid_request_error",
            Self::InsufficientQuota => "insufficient_quota",
            Self::RateLimitExceeded => "rate_limit_error",
            Self::UpstreamError | Self::UpstreamTimeout | Self::Overloaded | Self::Internal => "server_error",
        }
    }
}

/// An error as a body.
pub fn body(code: ErrorCode, message: &str, param: Option<&str>) -> Bytes {
    json_of(code, message, param).into()
}

/// An error as a frame of a stream that has begun: SDKs raise it.
pub fn frame(code: ErrorCode, message: &str) -> Bytes {
    format!("data: {}\n\n", json_of(code, message, None)).into()
}

fn json_of(code: ErrorCode, message: &str, param: Option<&str>) -> String {
    let (message, kind, code) = (json::quoted(message), code.kind(), code.code());
    let param = param.map_or_else(|| "null".to_owned(), json::quoted);
    format!(r#"{{"error":{{"message":{message},"type":"{kind}","param":{param},"code":"{code}"}}}}"#)
}

/// What a provider says about its refusal, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// Its words, at most [`MESSAGE_BYTES_MAX`] of them.
    pub message: Option<String>,
    /// Its code, a number or a name.
    pub code: Option<String>,
    /// Its `type`.
    pub kind: Option<String>,
}

/// Reads the body of a refusal; what is not JSON says nothing.
pub fn read_provider_error(body: &[u8]) -> ProviderError {
    read_failure(String::from_utf8_lossy(body).trim_ascii())
}

/// Reads an error from the forms in use: a text, an object, either within `error`, or the first of an array.
pub(super) fn read_failure(raw: &str) -> ProviderError {
    let inner = within(raw);
    let inner = within(inner);
    let mut failure = ProviderError::default();
    if !json::is_json(inner) || json::kind(inner) == Kind::Array {
        return failure;
    }
    if json::kind(inner) != Kind::Object {
        failure.message = json::text(inner).and_then(|text| said(&text, MESSAGE_BYTES_MAX));
        return failure;
    }
    json::fields(inner, |name, value| match name {
        "message" => failure.message = scalar(value, MESSAGE_BYTES_MAX),
        "detail" if failure.message.is_none() => failure.message = scalar(value, MESSAGE_BYTES_MAX),
        "code" => failure.code = scalar(value, CODE_BYTES_MAX),
        "type" => failure.kind = scalar(value, CODE_BYTES_MAX),
        _ => {}
    })
    .unwrap_or_default();
    failure
}

/// One step inwards: the first element of an array, or what stands under `error`.
fn within(raw: &str) -> &str {
    let mut inner = None;
    let read = match json::kind(raw) {
        Kind::Array => json::elements(raw, |element| inner = inner.or(Some(element))),
        Kind::Object => json::fields(raw, |name, value| {
            if name == "error" && json::kind(value) != Kind::Null {
                inner = Some(value);
            }
        }),
        _ => Ok(()),
    };
    read.ok().and(inner).unwrap_or(raw)
}

fn scalar(raw: &str, bytes_max: usize) -> Option<String> {
    let text = match json::kind(raw) {
        Kind::Text => json::text(raw)?,
        Kind::Number => Cow::Borrowed(raw),
        _ => return None,
    };
    said(&text, bytes_max)
}

fn said(text: &str, bytes_max: usize) -> Option<String> {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    (!text.is_empty()).then(|| text.to_owned())
}
