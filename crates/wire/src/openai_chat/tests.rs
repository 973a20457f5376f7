//! Golden samples in the shapes that the real API has, and properties that hold for any bytes.

mod answers;
mod edits;
mod errors;
mod nature;
mod properties;
mod requests;
mod streams;

use bytes::Bytes;

use super::*;
use crate::{Edits, Input, MEMBERS_MAX};

/// A request as clients of the real API send it: tools, a schema, an image, and members that we do not know.
const REQUEST: &str = r#"{
  "model": "gpt-5-mini", "temperature" : 1.0e0,
  "messages": [
    {"role": "system", "content": "Be brief.\n"},
    {"role": "user", "name": "ann", "content": [
      {"type": "text", "text": "What is \u00e9?"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
    {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
      {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
  ],
  "tools": [{"type":"function","function":{"name":"look","parameters":{}}}],
  "response_format": {"type":"json_object"},
  "stream": true, "stream_options": {"include_obfuscation": false},
  "n": 2, "max_tokens": 300, "service_tier": "flex", "store": false,
  "x-unknown": {"deep":[1,2.50,{"a":null}]}
}"#;

fn read(body: &str) -> Result<Request, RequestError> {
    super::read(Bytes::copy_from_slice(body.as_bytes()))
}

/// A small request with these members more.
fn with(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{members}}}"#)
}
