//! How an event of an older shape is read as one of the next.

use serde_json::Value;
use thiserror::Error;

/// One step: payloads of one version of one event become payloads of the next version. Pure, and never changed once it
/// was released, for what it makes of history is history.
#[derive(Clone, Copy, Debug)]
pub struct Upcast {
    /// The event's tag.
    pub event_type: &'static str,
    /// The version that it reads; it makes the one after.
    pub from: u32,
    /// Makes it; what it returns keeps its `type`.
    pub step: fn(Value) -> Result<Value, UpcastError>,
}

impl Upcast {
    /// A step to a version that knows more members, all of them optional: what was written without them says the same.
    pub const fn additive(event_type: &'static str, from: u32) -> Self {
        Self { event_type, from, step: Ok }
    }
}

/// Why a payload is not what its version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpcastError {
    /// It is no object.
    #[error("it is no JSON object")]
    NoObject,
    /// A member is not there.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A member is there that means nothing.
    #[error("its `{0}` is not what that version writes")]
    Unexpected(&'static str),
}
