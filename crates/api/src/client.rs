//! What API clients ask for, in their own format, errors included.

pub(crate) mod auth;
pub(crate) mod chat;
pub(crate) mod models;
pub(crate) mod respond;
