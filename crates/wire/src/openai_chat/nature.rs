//! What an answer says of itself beside what it says: never a word of its content.

use std::collections::BTreeMap;

use crate::{
    CHOICES_MAX, MODEL_BYTES_MAX,
    json::{self, Kind, valid},
};

/// The longest id and the longest reason, in bytes: what is longer is left out.
const TEXT_BYTES_MAX: usize = 256;

/// Who answered, by which name, and why it ended. Of a stream it is gathered piece by piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nature {
    /// The provider's name of the answer.
    pub id: Option<String>,
    /// The model that answered, which may be more exact than the one that was asked for.
    pub model: Option<String>,
    finished: BTreeMap<u32, String>,
}

impl Nature {
    /// Learns from a whole answer, or from a piece of one: of a chat, a completion or embeddings. What cannot be read says
    /// nothing.
    pub fn learn(&mut self, object: &[u8]) {
        let Ok(text) = std::str::from_utf8(object) else { return };
        if json::kind(text) != Kind::Object {
            return;
        }
        json::fields(text, |name, value| match name {
            "id" if self.id.is_none() => self.id = short(value, TEXT_BYTES_MAX),
            "model" if self.model.is_none() => self.model = short(value, MODEL_BYTES_MAX),
            "choices" if json::kind(value) == Kind::Array => {
                valid::elements(value, |choice| self.learn_choice(choice)).unwrap_or_default();
            }
            _ => {}
        })
        .unwrap_or_default();
    }

    /// Whether it is known who answers.
    pub(super) const fn is_named(&self) -> bool {
        self.id.is_some() && self.model.is_some()
    }

    /// Why each of the answers ended that did, in their order.
    pub fn finish_reasons(&self) -> impl Iterator<Item = &str> {
        self.finished.values().map(String::as_str)
    }

    fn learn_choice(&mut self, choice: &str) {
        if json::kind(choice) != Kind::Object {
            return;
        }
        let (mut index, mut reason) = (0, None);
        valid::fields(choice, |name, value| match name {
            "index" => index = value.parse::<u32>().unwrap_or_default(),
            "finish_reason" => reason = short(value, TEXT_BYTES_MAX),
            _ => {}
        })
        .unwrap_or_default();
        if let Some(reason) = reason.filter(|_| u64::from(index) < CHOICES_MAX) {
            self.finished.insert(index, reason);
        }
    }
}

fn short(value: &str, bytes_max: usize) -> Option<String> {
    let text = json::text(value)?;
    (!text.is_empty() && text.len() <= bytes_max).then(|| text.into_owned())
}
