//! A request as it reached the provider.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

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
    /// The text of the last message.
    pub fn text(&self) -> String {
        let messages = self.json["messages"].as_array();
        let last = messages.and_then(|messages| messages.last());
        last.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
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
