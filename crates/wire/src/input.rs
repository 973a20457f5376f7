//! What there is to read and write, counted without a tokenizer.

use crate::json::{self, Kind, valid};

/// What a model gets to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The bytes of all text after unescaping, and of the tools and schemas as they are written.
    pub text_bytes: u64,
    /// How many messages there are.
    pub messages: u64,
    /// How many images there are.
    pub images: u64,
    /// How many tokens there are that the client has made of text itself.
    pub tokens: u64,
    /// Whether there is more whose size cannot be told: sound, files, or what we do not know.
    pub uncountable: bool,
}

/// Counts messages: those of a request, and those of an answer, which are of the same form. Nothing is refused
/// here; what is of the wrong kind is the provider's to refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) text_bytes: u64,
    pub(crate) messages: u64,
    pub(crate) images: u64,
    pub(crate) tokens: u64,
    /// There is sound, a file or a part of another kind.
    pub(crate) is_opaque: bool,
    /// There is a member that we do not know.
    pub(crate) is_strange: bool,
}

impl Tally {
    /// Counts JSON as it is written.
    pub(crate) fn raw(&mut self, raw: &str) {
        self.text_bytes += raw.len() as u64;
    }

    /// Counts a message or a piece of one.
    pub(crate) fn message(&mut self, message: &str) {
        // Some providers say the same thoughts under both names.
        let mut thought_bytes = 0;
        let read = valid::fields(message, |name, value| match name {
            "role" | "tool_call_id" | "id" | "cache_control" => {}
            _ if json::kind(value) == Kind::Null => {}
            "content" => self.content(value),
            "name" | "refusal" => self.text(value),
            "reasoning_content" | "reasoning" => thought_bytes = text_bytes(value).max(thought_bytes),
            "tool_calls" => self.each(value, Self::tool_call),
            "function_call" => self.function(value),
            "annotations" => self.raw(value),
            "audio" => self.is_opaque = true,
            _ => self.is_strange = true,
        });
        self.text_bytes += thought_bytes;
        self.is_strange |= read.is_err();
    }

    /// What was counted, for an estimate.
    pub(crate) const fn input(&self) -> Input {
        Input {
            text_bytes: self.text_bytes,
            messages: self.messages,
            images: self.images,
            tokens: self.tokens,
            uncountable: self.is_opaque || self.is_strange,
        }
    }

    fn content(&mut self, content: &str) {
        match json::kind(content) {
            Kind::Array => self.each(content, Self::part),
            _ => self.text(content),
        }
    }

    fn part(&mut self, part: &str) {
        let (mut kind, mut bytes) = (None, 0);
        let read = valid::fields(part, |name, value| match name {
            "type" => kind = json::text(value),
            "text" | "refusal" => bytes += text_bytes(value),
            _ => {}
        });
        self.text_bytes += bytes;
        match kind.as_deref() {
            Some("text" | "refusal") => self.is_strange |= read.is_err(),
            Some("image_url") => self.images += 1,
            _ => self.is_opaque = true,
        }
    }

    fn tool_call(&mut self, call: &str) {
        let read = valid::fields(call, |name, value| match name {
            "function" | "custom" => self.function(value),
            _ => {}
        });
        self.is_strange |= read.is_err();
    }

    fn function(&mut self, function: &str) {
        let read = valid::fields(function, |name, value| match name {
            "name" | "arguments" | "input" => self.text(value),
            _ => {}
        });
        self.is_strange |= read.is_err();
    }

    fn each(&mut self, array: &str, count: fn(&mut Self, &str)) {
        let read = valid::elements(array, |element| count(self, element));
        self.is_strange |= read.is_err();
    }

    /// Counts a text.
    pub(crate) fn text(&mut self, value: &str) {
        match json::kind(value) {
            Kind::Text => self.text_bytes += text_bytes(value),
            Kind::Null => {}
            _ => self.is_strange = true,
        }
    }
}

/// How many bytes a text has; one that cannot be unescaped counts as it is written.
fn text_bytes(raw: &str) -> u64 {
    let Some(inner) = raw.strip_prefix('"') else { return 0 };
    json::text(raw).map_or(inner.len(), |text| text.len()) as u64
}
