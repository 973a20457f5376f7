//! A request as it reached the provider.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// What kind of answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
}

/// A request as it reached the provider.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    /// Byte for byte.
    pub body: Bytes,
    /// The same, read; null where it is no JSON.
    pub json: Value,
}

impl Received {
    /// The text of the last message, of the prompt, or of what is to be embedded.
    pub fn text(&self) -> String {
        let messages = self.json["messages"].as_array();
        let last = messages.and_then(|messages| messages.last());
        let asked =
            [last.map(|message| &message["content"]), Some(&self.json["prompt"]), Some(&self.json["input"])];
        asked.into_iter().flatten().find_map(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }

    /// What kind of answer it asks for.
    pub fn endpoint(&self) -> Endpoint {
        match self.path.rsplit_once("/v1/").map(|(_, path)| path) {
            Some("embeddings") => Endpoint::Embeddings,
            Some("completions") => Endpoint::Completions,
            _ => Endpoint::Chat,
        }
    }

    /// Whether events are asked for.
    pub fn is_stream(&self) -> bool {
        self.json["stream"] == true
    }

    /// Whether a streamed answer is to end with its usage.
    pub fn wants_usage(&self) -> bool {
        self.json["stream_options"]["include_usage"] == true
    }
}
