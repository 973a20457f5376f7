//! Which tokens there are: all of them whole where the database is, else by the fingerprints of their keys, with the rows on
//! disk.

mod base;
mod cache;
mod held;
mod indexed;
mod recent;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{ApiTokenId, api_token::ApiTokenEvent};

pub(super) use self::{
    base::{Base, Draft},
    held::Held,
    indexed::Indexed,
};
pub use self::{
    cache::{CachePolicy, TokenCacheOptions},
    indexed::TokenCounts,
};
use super::token::{Print, TokenEntry};

/// Rows as they stood before events that change them, by token.
pub(super) type RowsBefore = HashMap<ApiTokenId, TokenEntry>;

/// What a key is to memory alone.
#[derive(Debug)]
pub(crate) enum Sighting {
    /// It is this token's.
    Known(Arc<TokenEntry>),
    /// It is no token's.
    Unknown,
    /// It may be the key of a token whose row is not in memory.
    Unread(Unread),
}

/// Where the row of a key may be that has the fingerprint of a token's.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(super) base: Arc<Base>,
    /// Which rows of the file.
    pub(super) rows: Vec<usize>,
    /// Whether there is one that is not in the file.
    pub(crate) elsewhere: bool,
}

/// What a row that was found is to what is known of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is as new as what is known.
    Current,
    /// It was changed since.
    Older,
    /// Something is to be heard yet before it holds.
    Newer,
    /// There is no such token, or it has another key.
    Gone,
}

/// The tokens of a directory.
pub(super) enum Tokens {
    /// All of them whole.
    Held(Held),
    /// What tells them apart; what they are is on disk.
    Indexed(Indexed),
}

impl Default for Tokens {
    fn default() -> Self {
        Self::Held(Held::default())
    }
}

/// A token that a file that was written before does not have as it is now.
#[derive(Clone, Debug)]
pub(super) struct LiveRow {
    pub(super) print: Print,
    pub(super) token_id: ApiTokenId,
    pub(super) version: u64,
    pub(super) entry: Option<Arc<TokenEntry>>,
}

/// All tokens, as they stood at one moment.
pub(super) enum SharedTokens {
    Held(Vec<Arc<TokenEntry>>),
    Indexed {
        base: Arc<Base>,
        /// In the order of the file.
        live: Vec<LiveRow>,
        /// Those that are not as the file has them.
        changed: HashSet<ApiTokenId>,
    },
}

impl Tokens {
    pub(super) fn sight(&self, sha256: &[u8; 32]) -> Sighting {
        match self {
            Self::Held(held) => held.find(sha256).map_or(Sighting::Unknown, Sighting::Known),
            Self::Indexed(indexed) => indexed.sight(sha256),
        }
    }

    /// Takes in what happened to a token. `before` has rows that memory may not have.
    pub(super) fn take(
        &mut self,
        token_id: ApiTokenId,
        version: u64,
        fact: &ApiTokenEvent,
        before: &RowsBefore,
    ) {
        match self {
            Self::Held(held) => held.take(token_id, version, fact),
            Self::Indexed(indexed) => indexed.take(token_id, version, fact, before.get(&token_id)),
        }
    }

    pub(super) fn shared(&self) -> SharedTokens {
        match self {
            Self::Held(held) => SharedTokens::Held(held.shared()),
            Self::Indexed(indexed) => indexed.shared(),
        }
    }

    pub(super) const fn indexed(&self) -> Option<&Indexed> {
        match self {
            Self::Held(_) => None,
            Self::Indexed(indexed) => Some(indexed),
        }
    }

    pub(super) const fn indexed_mut(&mut self) -> Option<&mut Indexed> {
        match self {
            Self::Held(_) => None,
            Self::Indexed(indexed) => Some(indexed),
        }
    }
}
