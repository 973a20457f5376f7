//! An answer in one piece.

use thiserror::Error;

use crate::{
    Usage,
    input::Tally,
    json::{self, Kind, valid},
    usage::tokens,
};

/// What we need to know of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The provider's count, where it tells one.
    pub usage: Option<Usage>,
    /// The bytes of all that was written: content, refusals, reasoning, names and arguments of tool calls.
    pub text_bytes: u64,
    /// Whether nothing was written at all.
    pub is_empty: bool,
}

/// Why a body is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// It cannot be read at all.
    #[error("it is not valid JSON in UTF-8")]
    Json,
    /// It is another kind of JSON.
    #[error("it is not a JSON object")]
    NotObject,
    /// It is another kind of object.
    #[error("it has no array `choices`")]
    NoChoices,
    /// It is another kind of object.
    #[error("it has no array `data`")]
    NoData,
}

/// Reads a whole answer: a chat's, or a plain completion's.
///
/// # Errors
/// When it is neither.
pub fn read_answer(body: &[u8]) -> Result<Answer, AnswerError> {
    let object = object(body)?;
    let (mut usage, mut choices, mut tally) = (None, None, Tally::default());
    json::fields(object, |name, value| match name {
        "usage" => usage = read_usage(value),
        "choices" => choices = Some(value),
        _ => {}
    })
    .map_err(|_| AnswerError::Json)?;
    valid::elements(choices.ok_or(AnswerError::NoChoices)?, |choice| read_message(choice, &mut tally))
        .map_err(|_| AnswerError::NoChoices)?;
    let is_empty = tally.text_bytes == 0 && tally.images == 0 && !tally.is_opaque;
    Ok(Answer { usage, text_bytes: tally.text_bytes, is_empty })
}

/// The text of an object.
pub(crate) fn object(body: &[u8]) -> Result<&str, AnswerError> {
    let text = std::str::from_utf8(body).map_err(|_| AnswerError::Json)?;
    match json::kind(text) {
        Kind::Object => Ok(text),
        _ if json::is_json(text) => Err(AnswerError::NotObject),
        _ => Err(AnswerError::Json),
    }
}

/// The usage that a provider tells. One without any count says nothing, rather than that nothing was used.
pub(crate) fn read_usage(raw: &str) -> Option<Usage> {
    // Most pieces of a stream say `null`.
    if json::kind(raw) != Kind::Object {
        return None;
    }
    let (mut usage, mut is_told) = (Usage::default(), false);
    valid::fields(raw, |name, value| match name {
        "prompt_tokens" => is_told |= set(&mut usage.input_tokens, value),
        "completion_tokens" => is_told |= set(&mut usage.output_tokens, value),
        "prompt_tokens_details" => each(value, |name, value| match name {
            "cached_tokens" => set(&mut usage.cache_read_tokens, value),
            "cache_write_tokens" => set(&mut usage.cache_write_tokens, value),
            "audio_tokens" => set(&mut usage.audio_input_tokens, value),
            _ => false,
        }),
        "completion_tokens_details" => each(value, |name, value| match name {
            "reasoning_tokens" => set(&mut usage.reasoning_tokens, value),
            "audio_tokens" => set(&mut usage.audio_output_tokens, value),
            _ => false,
        }),
        _ => {}
    })
    .ok()?;
    is_told.then_some(usage)
}

fn set(count: &mut u64, value: &str) -> bool {
    let told = tokens(value);
    *count = told.unwrap_or(*count);
    told.is_some()
}

/// Details of another kind than an object say nothing.
fn each(details: &str, mut take: impl FnMut(&str, &str) -> bool) {
    if json::kind(details) == Kind::Object {
        valid::fields(details, |name, value| _ = take(name, value)).unwrap_or_default();
    }
}

/// A choice without a message says nothing; what it lacks is the client's to miss.
fn read_message(choice: &str, tally: &mut Tally) {
    if json::kind(choice) == Kind::Object {
        valid::fields(choice, |name, value| match name {
            "message" => tally.message(value),
            "text" => tally.text(value),
            _ => {}
        })
        .unwrap_or_default();
    }
}
