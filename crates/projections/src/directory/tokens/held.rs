//! Tokens, whole.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use domain::{ApiTokenId, GroupName, api_token::ApiTokenEvent};

use super::super::token::TokenEntry;
use crate::{
    model::Model,
    tokens::{TokenRow, TokenState},
};

/// Those that were not revoked.
#[derive(Default)]
pub(in super::super) struct Held {
    by_id: BTreeMap<ApiTokenId, Arc<TokenEntry>>,
    by_key: HashSet<ByKey>,
}

impl Held {
    pub(super) fn find(&self, sha256: &[u8; 32]) -> Option<Arc<TokenEntry>> {
        self.by_key.get(sha256).map(|by_key| Arc::clone(&by_key.0))
    }

    /// Nothing brings a revoked token back: it need not be remembered.
    pub(in super::super) fn put(&mut self, version: u64, row: &TokenRow) {
        if row.state == TokenState::Revoked {
            return;
        }
        let entry = Arc::new(TokenEntry::of(version, row));
        if let Some(by_key) = ByKey::of(&entry) {
            self.by_key.replace(by_key);
        }
        self.by_id.insert(row.token_id, entry);
    }

    pub(super) fn take(&mut self, token_id: ApiTokenId, version: u64, fact: &ApiTokenEvent) {
        let before = self.by_id.remove(&token_id);
        if let Some(hash) = before.as_ref().and_then(|entry| entry.sha256()) {
            self.by_key.remove(hash);
        }
        if let Some(row) = TokenRow::evolve(before.map(|entry| entry.row()), &token_id, fact) {
            self.put(version, &row);
        }
    }

    /// How many call as a group.
    pub(in super::super) fn members(&self, group: &GroupName) -> usize {
        self.by_id.values().filter(|entry| entry.rules().group.as_ref() == Some(group)).count()
    }

    /// All of them, in no order that matters.
    pub(super) fn shared(&self) -> Vec<Arc<TokenEntry>> {
        self.by_id.values().map(Arc::clone).collect()
    }

    #[cfg(test)]
    pub(in super::super) fn all(&self) -> impl Iterator<Item = &TokenEntry> {
        self.by_id.values().map(|entry| &**entry)
    }
}

/// A token that is found by the hash of its key, which so stands in one place only.
#[derive(Debug)]
struct ByKey(Arc<TokenEntry>);

/// Never looked up: what has no hash is not kept by it.
const NO_HASH: [u8; 32] = [0; 32];

impl ByKey {
    /// None where no key has its hash.
    fn of(entry: &Arc<TokenEntry>) -> Option<Self> {
        entry.sha256().is_some().then(|| Self(Arc::clone(entry)))
    }
}

impl Borrow<[u8; 32]> for ByKey {
    fn borrow(&self) -> &[u8; 32] {
        self.0.sha256().unwrap_or(&NO_HASH)
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.sha256() == other.0.sha256()
    }
}

impl Eq for ByKey {}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let hash: &[u8; 32] = self.borrow();
        hash.hash(state);
    }
}
