//! An answer, in one piece and in many.

use std::time::Duration;

use serde_json::{Value, json};

/// Where an answer breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Break {
    /// Nowhere.
    #[default]
    Never,
    /// The connection breaks after so many pieces.
    CutAfter(usize),
    /// The body ends after so many pieces, as if that were all.
    EndAfter(usize),
    /// Nothing more comes after so many pieces.
    StallAfter(usize),
}

/// An answer and what it costs.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The message, as a whole answer has it.
    pub message: Value,
    /// The same, as a streamed answer has it.
    pub deltas: Vec<Value>,
    /// Why it ends.
    pub finish_reason: &'static str,
    /// How long the provider thinks before it answers, and before each piece.
    pub pace: Duration,
    /// Where it breaks.
    pub breaks: Break,
    /// What is billed.
    pub input_tokens: u64,
    /// What is billed.
    pub output_tokens: u64,
    /// The usage that is told, in as many pieces: what is billed, unless a test has it lie.
    pub told: Vec<Value>,
}

impl Answer {
    /// A text, streamed word for word.
    pub fn text(text: &str, input_tokens: u64, output_tokens: u64) -> Self {
        let deltas = text.split_inclusive(' ').map(|word| json!({ "content": word })).collect();
        Self {
            message: json!({ "role": "assistant", "content": text, "refusal": null }),
            deltas,
            finish_reason: "stop",
            pace: Duration::ZERO,
            breaks: Break::Never,
            input_tokens,
            output_tokens,
            told: vec![usage(input_tokens, output_tokens)],
        }
    }

    /// A text of so many words.
    pub fn words(count: usize, input_tokens: u64, output_tokens: u64) -> Self {
        let words: Vec<String> = (0..count).map(|word| format!("word{word}")).collect();
        Self::text(&words.join(" "), input_tokens, output_tokens)
    }

    /// The call of a tool.
    pub fn tool_call(name: &str, arguments: &Value) -> Self {
        let mut call = json!({
            "id": "call_1", "type": "function",
            "function": { "name": name, "arguments": arguments.to_string() }
        });
        let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
        call["index"] = 0.into();
        let deltas = vec![json!({ "role": "assistant", "tool_calls": [call] })];
        Self { message, deltas, finish_reason: "tool_calls", ..Self::text("", 40, 10) }
    }

    /// The same, slower.
    pub fn paced(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// The same, broken.
    pub fn breaking(self, breaks: Break) -> Self {
        Self { breaks, ..self }
    }

    /// The same, but of its usage this is told.
    pub fn telling(self, told: Vec<Value>) -> Self {
        Self { told, ..self }
    }
}

/// Usage as the format tells it.
pub fn usage(input_tokens: u64, output_tokens: u64) -> Value {
    json!({
        "prompt_tokens": input_tokens, "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 }
    })
}
