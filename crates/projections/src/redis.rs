//! Tokens, users, groups and channels at a Redis server: what the tables say, for nodes that have no database; and what
//! accounts come to, for whoever shows it.
//!
//! All of it may be lost, be old, or be written by someone else at any time: each value bears a mark for its place, whoever
//! reads one compares its version with what they heard, and what is gone is made anew from the tables.

mod accounts;
mod changes;
mod keys;
mod projector;
mod reader;
mod rebuild;
mod scripts;
#[cfg(test)]
mod tests;
mod value;

use eventlog::StoreError;
use thiserror::Error;

pub use self::{
    accounts::{AccountProjector, AccountSource, AccountSummary},
    projector::RedisProjector,
    reader::RedisReader,
};

/// Why nothing was written or read.
#[derive(Debug, Error)]
pub enum RedisModelError {
    /// The server, or the way to it.
    #[error("the Redis server does not answer: {0}")]
    Redis(#[from] fred::error::Error),
    /// The answer took too long.
    #[error("the Redis server is slow")]
    Slow,
    /// The answer has another shape.
    #[error("what the Redis server answers cannot be read")]
    Unreadable,
    /// A value was not written for its place under this master key.
    #[error("a value at the Redis server bears no mark of this master key for its place")]
    Forged,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
