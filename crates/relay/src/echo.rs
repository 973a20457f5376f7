//! The built-in provider: answers with what it was asked, from inside this process.
//!
//! It sits where the network would be, so that a fresh install can be tried and tested without any account.

use bytes::Bytes;
use domain::TimeStamp;
use futures_util::stream;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};

use crate::upstream::UpstreamBody;

/// Its tokens are so many characters each.
const CHARS_PER_TOKEN: usize = 4;
/// So many characters stand in one frame of a stream.
const CHARS_PER_FRAME: usize = 16;

/// An answer to `body`, which is a chat completion's request.
pub(crate) fn answer(body: &[u8], now: TimeStamp) -> Response<UpstreamBody> {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        let error = json!({"error": {"message": "the body is no JSON", "type": "invalid_request_error"}});
        let mut response = Response::new(whole(&error));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    let reply = Reply::to(&request, now.micros() / 1_000_000);
    if request["stream"] == true {
        Response::new(reply.streamed(request["stream_options"]["include_usage"] == true))
    } else {
        Response::new(whole(&reply.whole()))
    }
}

struct Reply<'a> {
    model: &'a Value,
    created: i64,
    text: String,
    finish_reason: &'static str,
    usage: Value,
}

impl<'a> Reply<'a> {
    fn to(request: &'a Value, created: i64) -> Self {
        let said = last_words(&request["messages"]);
        let whole = format!("echo: {said}");
        let limit = request["max_completion_tokens"].as_u64().or_else(|| request["max_tokens"].as_u64());
        let chars = limit.map_or(usize::MAX, |tokens| {
            usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(CHARS_PER_TOKEN)
        });
        let text: String = whole.chars().take(chars).collect();
        let finish_reason = if text.len() < whole.len() { "length" } else { "stop" };
        let (input, output) = (tokens(&said), tokens(&text));
        let usage =
            json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
        Self { model: &request["model"], created, text, finish_reason, usage }
    }

    fn whole(&self) -> Value {
        json!({
            "id": "chatcmpl-echo", "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{
                "index": 0, "finish_reason": self.finish_reason, "logprobs": null,
                "message": {"role": "assistant", "content": self.text, "refusal": null},
            }],
            "usage": self.usage,
        })
    }

    fn chunk(&self, choices: &Value, usage: &Value) -> Bytes {
        let mut chunk = json!({
            "id": "chatcmpl-echo", "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices,
        });
        if !usage.is_null() {
            chunk["usage"] = usage.clone();
        }
        Bytes::from(format!("data: {chunk}\n\n"))
    }

    fn delta(&self, delta: &Value, finish_reason: Option<&str>) -> Bytes {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
        self.chunk(&choices, &Value::Null)
    }

    fn streamed(&self, with_usage: bool) -> UpstreamBody {
        let chars: Vec<char> = self.text.chars().collect();
        let mut frames = vec![self.delta(&json!({"role": "assistant", "content": ""}), None)];
        frames.extend(
            chars
                .chunks(CHARS_PER_FRAME)
                .map(|piece| self.delta(&json!({"content": piece.iter().collect::<String>()}), None)),
        );
        frames.push(self.delta(&json!({}), Some(self.finish_reason)));
        if with_usage {
            frames.push(self.chunk(&json!([]), &self.usage));
        }
        frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
        let frames = frames.into_iter().map(|frame| Ok::<_, hyper::Error>(Frame::data(frame)));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }
}

fn whole(body: &Value) -> UpstreamBody {
    Full::from(body.to_string()).map_err(|never| match never {}).boxed_unsync()
}

fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

/// The text of the last message of a user.
fn last_words(messages: &Value) -> String {
    let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}
