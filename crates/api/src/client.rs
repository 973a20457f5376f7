//! What API clients ask for, in their own format, errors included.

pub(crate) mod auth;
pub(crate) mod billing;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod models;
pub(crate) mod relayed;
pub(crate) mod respond;
