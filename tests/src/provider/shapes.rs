//! An answer in the shapes of the API: a conversation's, a plain completion's, an embedding's.

use serde_json::{Value, json};

use super::{Answer, Endpoint, Received};

/// The vector of every text, as numbers and as the same four-byte floats in base64.
const VECTOR: [f32; 2] = [0.5, -0.25];
const VECTOR_BASE64: &str = "AAAAPwAAgL4=";

impl Answer {
    /// All of it in one piece.
    pub(super) fn whole(&self, request: &Received) -> Value {
        let mut body = match request.endpoint() {
            Endpoint::Embeddings => embeddings(&request.json),
            Endpoint::Chat => frame(request, json!([self.choice("message", &self.message)])),
            Endpoint::Completions => frame(request, json!([self.choice("text", &self.message["content"])])),
        };
        if let Some(usage) = self.told.last() {
            body["usage"] = usage.clone();
        }
        body
    }

    /// The events of a streamed answer, without its `[DONE]`.
    pub(super) fn chunks(&self, request: &Received) -> Vec<Value> {
        let is_chat = request.endpoint() == Endpoint::Chat;
        let chunk = |delta: &Value, reason: Value| {
            let said = if is_chat { ("delta", delta) } else { ("text", &delta["content"]) };
            let choice = json!({ "index": 0, said.0: said.1, "logprobs": null, "finish_reason": reason });
            frame(request, json!([choice]))
        };
        let mut chunks = Vec::new();
        if is_chat {
            chunks.push(chunk(&json!({ "role": "assistant", "content": "" }), Value::Null));
        }
        chunks.extend(self.deltas.iter().map(|delta| chunk(delta, Value::Null)));
        let nothing = if is_chat { json!({}) } else { json!({ "content": "" }) };
        chunks.push(chunk(&nothing, self.finish_reason.into()));
        if request.wants_usage() {
            chunks.extend(self.told.iter().map(|usage| {
                let mut last = frame(request, json!([]));
                last["usage"] = usage.clone();
                last
            }));
        }
        chunks
    }

    fn choice(&self, name: &str, said: &Value) -> Value {
        json!({ "index": 0, name: said, "logprobs": null, "finish_reason": self.finish_reason })
    }
}

fn frame(request: &Received, choices: Value) -> Value {
    let object = match (request.endpoint(), request.is_stream()) {
        (Endpoint::Completions, _) => "text_completion",
        (_, true) => "chat.completion.chunk",
        (_, false) => "chat.completion",
    };
    json!({
        "id": "chatcmpl-1", "object": object, "created": 1_795_000_000, "model": request.json["model"],
        "choices": choices, "system_fingerprint": "fp_1"
    })
}

fn embeddings(request: &Value) -> Value {
    let inputs = match request["input"].as_array() {
        Some(list) if !list.iter().all(Value::is_number) => list.len(),
        _ => 1,
    };
    let vector = if request["encoding_format"] == "base64" { json!(VECTOR_BASE64) } else { json!(VECTOR) };
    let data: Vec<_> = (0..inputs)
        .map(|index| json!({ "object": "embedding", "index": index, "embedding": vector }))
        .collect();
    json!({ "object": "list", "data": data, "model": request["model"] })
}
