//! The HTTP edge: routes, permissions as extractors, refusals and errors to answers, the OpenAPI document.
//!
//! A handler extracts a permission, reads a body into a command, dispatches it and maps what came of it. It decides
//! nothing.

mod admin;
mod client;
mod dispatch;
mod edge;
mod extract;
mod openapi;
mod operations;
mod permission;
mod problem;
mod request_id;
mod router;
#[cfg(test)]
mod tests;

pub mod key;
pub mod subject;

pub use admin::accounts::AccountView;
pub use edge::{Check, Edge, EdgeLimits, Health, Ids};
pub use openapi::openapi;
pub use router::router;
