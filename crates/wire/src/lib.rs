//! What goes over the wire: the formats that clients and providers speak, as pure code.
//!
//! Nothing here waits, reads a clock or knows a provider. Bodies are read in place and changed by splicing, so that
//! what we do not know survives byte for byte.

mod edit;
mod input;
mod json;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_embeddings;
mod request;
mod splice;
mod sse;
mod usage;

pub use self::{
    edit::Edits,
    input::Input,
    request::{CHOICES_MAX, INPUTS_MAX, MEMBERS_MAX, MODEL_BYTES_MAX, Request, RequestError, Tuning},
    usage::{TOKENS_MAX, Usage},
};

/// The longest frame of a stream, in bytes.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
