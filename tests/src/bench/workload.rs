//! What is asked and what is answered: fixed bytes, known to the clients and to the provider.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    client::{chat, streamed_chat},
    price::MODEL,
    provider::usage,
};

/// Frames of a streamed answer: its pieces of text, one with the usage; `[DONE]` comes with the last.
pub(super) const FRAMES: usize = 32;
/// How far the frames of a paced stream are apart.
pub(super) const PACE: Duration = Duration::from_millis(10);
/// With the JSON around it a request is about 1 KB.
const ASKED_BYTES: usize = 850;
/// With the JSON around it a whole answer is about 1 KB.
const ANSWERED_BYTES: usize = 570;
const INPUT_TOKENS: u64 = 220;
const OUTPUT_TOKENS: u64 = 210;

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// In one piece.
    Whole,
    /// Frame by frame, as providers send them.
    Paced,
    /// All frames at once.
    Burst,
}

impl Workload {
    /// What in the text of a request tells the provider. A gateway may write JSON anew, but not text.
    const fn mark(self) -> &'static str {
        match self {
            Self::Whole => "in one piece",
            Self::Paced => "frame by frame",
            Self::Burst => "all at once",
        }
    }

    /// How the request with this body wants its answer.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        [Self::Whole, Self::Paced, Self::Burst].into_iter().find(|workload| body.contains(workload.mark()))
    }

    /// A request.
    pub(super) fn request(self) -> Bytes {
        let said = format!("Answer {}: {}", self.mark(), words(ASKED_BYTES));
        if self == Self::Whole {
            return chat(MODEL, &said).to_string().into();
        }
        let mut body = streamed_chat(MODEL, &said);
        // Asked for, so that a gateway which needs the usage sends no other frames than a bare proxy does.
        body["stream_options"] = json!({ "include_usage": true });
        body.to_string().into()
    }
}

/// The text of a whole answer.
pub(super) fn text() -> String {
    words(ANSWERED_BYTES)
}

fn words(bytes: usize) -> String {
    let mut text: String = (0..bytes).map(|word| format!("word{word} ")).collect();
    text.truncate(bytes);
    text
}

/// The text of one frame.
pub(super) fn piece(frame: usize) -> String {
    format!("piece{frame} ")
}

/// The body of a whole answer.
pub(super) fn answer() -> Bytes {
    let message = json!({ "role": "assistant", "content": text(), "refusal": null });
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
    told("chat.completion", &json!([choice]), &usage(INPUT_TOKENS, OUTPUT_TOKENS)).to_string().into()
}

/// The frames of a streamed answer.
pub(super) fn frames() -> Vec<Bytes> {
    let pieces = (0..FRAMES - 1).map(|frame| {
        let reason = if frame == FRAMES - 2 { json!("stop") } else { Value::Null };
        let delta = json!({ "role": "assistant", "content": piece(frame) });
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason });
        told("chat.completion.chunk", &json!([choice]), &Value::Null)
    });
    let mut frames: Vec<Bytes> = pieces.map(|piece| format!("data: {piece}\n\n").into()).collect();
    let last = told("chat.completion.chunk", &json!([]), &usage(INPUT_TOKENS, OUTPUT_TOKENS));
    frames.push(format!("data: {last}\n\ndata: [DONE]\n\n").into());
    frames
}

fn told(object: &str, choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": object, "created": 1_795_000_000, "model": MODEL, "choices": choices,
        "usage": usage, "system_fingerprint": "fp_1"
    })
}

#[cfg(test)]
mod tests {
    use super::{Workload, answer, frames};

    #[test]
    fn a_request_and_a_whole_answer_are_about_a_kilobyte() {
        let sizes = [Workload::Whole.request().len(), Workload::Burst.request().len(), answer().len()];
        assert!(sizes.iter().all(|bytes| (950..1_100).contains(bytes)), "{sizes:?}");
        assert_eq!(frames().len(), super::FRAMES);
    }

    #[test]
    fn the_provider_sees_what_is_wanted() {
        for workload in [Workload::Whole, Workload::Paced, Workload::Burst] {
            assert_eq!(Workload::of(&workload.request()), Some(workload));
        }
    }
}
