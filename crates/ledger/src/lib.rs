//! Leases, the journal, ingest: money under concurrency and crashes.

mod chain;
#[cfg(test)]
mod fixtures;

pub mod journal;
pub mod record;
pub mod step;

pub use chain::{Link, PAYLOAD_BYTES_MAX};
