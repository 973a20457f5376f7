//! One piece of an answer.

use super::StreamError;
use crate::{
    Usage,
    input::Tally,
    json::{self, Kind, valid},
    openai_chat::{AnswerError, answer::read_usage, error::read_failure},
};

#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) usage: Option<Usage>,
    /// Whether `usage` stands there and is not null.
    pub(super) tells_usage: bool,
    pub(super) choices: u64,
    pub(super) begun: u128,
    pub(super) finished: u128,
    pub(super) tally: Tally,
}

impl Chunk {
    pub(super) fn read(object: &str) -> Result<Self, StreamError> {
        let (mut chunk, mut failure) = (Self::default(), None);
        json::fields(object, |name, value| match name {
            "usage" => {
                chunk.usage = read_usage(value);
                chunk.tells_usage |= json::kind(value) != Kind::Null;
            }
            "choices" if json::kind(value) == Kind::Array => chunk.choices(value),
            // The SDKs take these for no error as well.
            "error" if matches!(value, "null" | "false" | "\"\"" | "{}") => {}
            "error" => failure = Some(value),
            _ => {}
        })
        .map_err(|_| StreamError::Malformed(AnswerError::Json))?;
        match failure.map(read_failure) {
            None => Ok(chunk),
            Some(failure) => Err(StreamError::Provider {
                message: failure.message.unwrap_or_else(|| "it does not say why".to_owned()),
            }),
        }
    }

    fn choices(&mut self, choices: &str) {
        let read = |choice| {
            self.choices += 1;
            self.choice(choice);
        };
        valid::elements(choices, read).unwrap_or_default();
    }

    fn choice(&mut self, choice: &str) {
        if json::kind(choice) != Kind::Object {
            return;
        }
        let (mut index, mut is_finished) = (0, false);
        valid::fields(choice, |name, value| match name {
            "index" => index = value.parse::<u32>().unwrap_or_default(),
            "finish_reason" => is_finished = json::kind(value) != Kind::Null,
            "delta" | "message" if json::kind(value) == Kind::Object => self.tally.message(value),
            "text" => self.tally.text(value),
            _ => {}
        })
        .unwrap_or_default();
        let bit = 1_u128.checked_shl(index).unwrap_or_default();
        self.begun |= bit;
        self.finished |= if is_finished { bit } else { 0 };
    }
}
