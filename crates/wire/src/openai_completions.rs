//! `OpenAI` completions of plain prompts, which came before chat. Answers and streams are of the same shape as chat's,
//! with the text itself in the place of a message; [`crate::openai_chat`] reads both.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::{
    Request, RequestError,
    request::{Form, Says},
};

const FORM: Form = Form {
    routing: &[
        ("model", Says::Model),
        ("prompt", Says::Prompt),
        ("stream", Says::Stream),
        ("stream_options", Says::StreamOptions),
        ("n", Says::Choices),
        ("best_of", Says::Choices),
        ("max_tokens", Says::Limit),
        ("max_completion_tokens", Says::OtherLimit),
        ("max_output_tokens", Says::OtherLimit),
        ("max_new_tokens", Says::OtherLimit),
        ("service_tier", Says::ServiceTier),
        ("store", Says::Bool),
    ],
    read: &["suffix"],
    limit: Some("max_tokens"),
    streams: true,
};

/// Reads the body of `POST /completions`.
///
/// # Errors
/// When it is no JSON object, or a member that routes or prices is missing, of the wrong kind or ambiguous.
pub fn read(body: Bytes) -> Result<Request, RequestError> {
    Request::read(&FORM, body)
}
