//! `OpenAI` chat completions, as clients ask for them and as most providers answer.

mod answer;
pub mod error;
mod nature;
mod stream;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(crate) use self::answer::{object, read_usage};
pub use self::{
    answer::{Answer, AnswerError, read_answer},
    nature::Nature,
    stream::{StreamDecoder, StreamError},
};
use crate::{
    Request, RequestError,
    request::{Form, Says},
};

const FORM: Form = Form {
    routing: &[
        ("model", Says::Model),
        ("messages", Says::Messages),
        ("stream", Says::Stream),
        ("stream_options", Says::StreamOptions),
        ("n", Says::Choices),
        ("best_of", Says::Choices),
        ("max_tokens", Says::Limit),
        ("max_completion_tokens", Says::Limit),
        ("max_output_tokens", Says::OtherLimit),
        ("max_new_tokens", Says::OtherLimit),
        ("service_tier", Says::ServiceTier),
        ("store", Says::Bool),
        ("tools", Says::Tools),
    ],
    read: &["functions", "response_format", "prediction"],
    limit: Some("max_completion_tokens"),
    streams: true,
};

/// Reads the body of `POST /chat/completions`.
///
/// # Errors
/// When it is no JSON object, or a member that routes or prices is missing, of the wrong kind or ambiguous.
pub fn read(body: Bytes) -> Result<Request, RequestError> {
    Request::read(&FORM, body)
}
