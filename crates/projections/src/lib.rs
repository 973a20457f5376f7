//! The read side: events folded into tables and into memory, and the queries upon them.
//!
//! What people set, the `control` log, is folded twice by the same pure functions: into tables in the append
//! transaction, so that whoever writes reads what they wrote, and into the [`Directory`], which answers calls without
//! I/O. Where there is no database it knows tokens by fingerprints, and [`lookup`] finds their rows. The usage log follows the `ledger` log at a distance that it tells.

mod control;
mod directory;
mod model;
mod runner;

pub mod budgets;
pub mod calls;
pub mod channels;
pub mod groups;
pub mod journal_owners;
pub mod lookup;
pub mod nodes;
pub mod prices;
pub mod redis;
pub mod sessions;
pub mod settings;
pub mod tokens;
pub mod users;

#[cfg(test)]
mod fixtures;

pub use calls::Calls;
pub use control::ControlModels;
pub use directory::{
    CachePolicy, Directory, Limits, Moment, RestoreError, TokenCacheOptions, TokenCounts, TokenEntry,
    TokenRules, Written,
};
pub use model::{Stored, Versioned};
pub use runner::{Generation, Projection, RebuildError, Replaced, Runner, Status};
