//! The HTTP edge: routes, permissions as extractors, refusals and errors to answers, the OpenAPI document.
//!
//! A handler extracts a permission, reads a body into a command, dispatches it and maps what came of it. It decides
//! nothing.

mod admin;
mod apply;
mod around;
mod asked;
mod balances;
mod client;
mod cors;
mod dispatch;
mod docs;
mod edge;
mod extract;
mod front;
mod metrics;
mod openapi;
mod operations;
mod permission;
mod problem;
mod router;
mod setup;
mod sign_in;
mod sync;
#[cfg(test)]
mod tests;

pub mod key;
pub mod password;
pub mod person;
pub mod subject;

pub use admin::accounts::AccountView;
pub use admin::events::Tails;
pub use apply::{Applied, AppliedItem, ApplyError, Desired, DesiredChannel, DesiredGroup, Outcome, apply};
pub use asked::{Asked, Onlooker};
pub use balances::{BalanceError, Balances, LoggedBalances};
pub use edge::{Check, ClientEdge, Edge, EdgeLimits, Freshness, Health, Ids};
pub use front::Front;
pub use metrics::Metrics;
pub use openapi::openapi;
pub use setup::Setup;
pub use sign_in::SignIn;
pub use sync::Nodes;
