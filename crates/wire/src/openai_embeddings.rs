//! `OpenAI` embeddings: texts or tokens in, vectors out, as numbers or in base64.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::{
    Request, RequestError,
    json::{self, valid},
    openai_chat::{Answer, AnswerError, object, read_usage},
    request::{Form, Says},
};

const FORM: Form = Form {
    routing: &[
        ("model", Says::Model),
        ("input", Says::Input),
        ("stream", Says::Stream),
        ("dimensions", Says::Number),
        ("encoding_format", Says::Text),
        ("service_tier", Says::ServiceTier),
    ],
    read: &[],
    limit: None,
    streams: false,
};

/// Reads the body of `POST /embeddings`.
///
/// # Errors
/// When it is no JSON object, or a member that routes or prices is missing, of the wrong kind or ambiguous.
pub fn read(body: Bytes) -> Result<Request, RequestError> {
    Request::read(&FORM, body)
}

/// Reads a whole answer.
///
/// # Errors
/// When it is no list of embeddings.
pub fn read_answer(body: &[u8]) -> Result<Answer, AnswerError> {
    let object = object(body)?;
    let (mut usage, mut data) = (None, None);
    json::fields(object, |name, value| match name {
        "usage" => usage = read_usage(value),
        "data" => data = Some(value),
        _ => {}
    })
    .map_err(|_| AnswerError::Json)?;
    let mut count = 0;
    valid::elements(data.ok_or(AnswerError::NoData)?, |_| count += 1).map_err(|_| AnswerError::NoData)?;
    Ok(Answer { usage, text_bytes: 0, is_empty: count == 0 })
}
