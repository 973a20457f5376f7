//! `OpenAI` chat completions, as clients ask for them and as most providers answer.

mod answer;
mod edit;
pub mod error;
mod input;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub use self::{
    answer::{Answer, AnswerError, read_answer},
    edit::Edits,
    input::Input,
    request::{CHOICES_MAX, MEMBERS_MAX, MODEL_BYTES_MAX, Request, RequestError},
    stream::{StreamDecoder, StreamError},
};
