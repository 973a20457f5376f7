//! JSON read in place: an object's members and an array's elements as slices of the text they stand in.

pub(crate) mod valid;

use std::{borrow::Cow, fmt};

use memchr::memchr2;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Result, value::RawValue};

/// How deep objects and arrays may be nested: as deep as the common readers go.
pub(crate) const DEPTH_MAX: usize = 128;

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Bool,
    Null,
    Number,
}

/// What `raw` is, provided that it is JSON.
pub(crate) fn kind(raw: &str) -> Kind {
    match raw.trim_ascii_start().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// Shows every member of an object: its name as it is written, and its value.
pub(crate) fn members<'a>(object: &'a str, each: impl FnMut(&'a str, &'a str)) -> Result<()> {
    let mut reader = Deserializer::from_str(object);
    reader.deserialize_map(Members(each))?;
    reader.end()
}

/// Shows every member of an object by its name. A name that is no text, a lone surrogate, is passed over.
pub(crate) fn fields<'a>(object: &'a str, mut each: impl FnMut(&str, &'a str)) -> Result<()> {
    members(object, |key, value| {
        if let Some(name) = text(key) {
            each(&name, value);
        }
    })
}

/// Shows every element of an array.
pub(crate) fn elements<'a>(array: &'a str, each: impl FnMut(&'a str)) -> Result<()> {
    let mut reader = Deserializer::from_str(array);
    reader.deserialize_seq(Elements(each))?;
    reader.end()
}

/// Whether this is JSON of any kind.
pub(crate) fn is_json(raw: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(raw).is_ok()
}

/// The text that `raw` stands for, copied only where something is escaped.
pub(crate) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// `text` as it is written in JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a valid JSON text is nested deeper than [`DEPTH_MAX`]. Members are skipped without recursion here, but
/// the next reader may not be so careful.
pub(crate) fn is_too_deep(json: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_text(json, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

fn after_text(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

struct Members<F>(F);

impl<'de, F: FnMut(&'de str, &'de str)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key::<&RawValue>()? {
            (self.0)(key.get(), map.next_value::<&RawValue>()?.get());
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> std::result::Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}
