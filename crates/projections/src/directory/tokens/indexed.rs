//! Tokens by the fingerprints of their keys: a key that has none of them is no token's, and nothing need be read to know it.

use std::sync::Arc;

use domain::{ApiTokenId, api_token::ApiTokenEvent};

use super::{
    super::{
        snapshot,
        token::{Print, TokenEntry, sha256},
    },
    SharedTokens, Sighting, Standing, TokenCacheOptions, Unread,
    base::Base,
    cache::TokenCache,
    recent::{Live, Recent},
};
use crate::{model::Model, tokens::TokenRow};

/// The file's tokens, what became of them since, and the rows that calls asked for.
pub(in super::super) struct Indexed {
    base: Arc<Base>,
    recent: Recent,
    cache: TokenCache,
    /// Whether some of what is recent was found elsewhere.
    learned: bool,
}

impl Indexed {
    pub(in super::super) fn new(base: Base, cache: &TokenCacheOptions) -> Self {
        Self {
            base: Arc::new(base),
            recent: Recent::default(),
            cache: TokenCache::new(cache),
            learned: false,
        }
    }

    /// The fingerprint comes first: of a key that has none of a token's nobody else hears, not even who keeps rows at hand.
    pub(super) fn sight(&self, hash: &[u8; 32]) -> Sighting {
        let print = Print::of(hash);
        let (mut recent, rows) = (self.recent.of_print(print).peekable(), self.base.of_print(print));
        if recent.peek().is_none() && rows.is_empty() {
            return Sighting::Unknown;
        }
        let is_meant = |entry: &Arc<TokenEntry>| entry.sha256() == Some(hash);
        if let Some(entry) = self.cache.get(print).filter(is_meant) {
            return Sighting::Known(entry);
        }
        let mut elsewhere = false;
        for Live { entry, .. } in recent {
            match entry {
                Some(entry) if is_meant(entry) => return Sighting::Known(Arc::clone(entry)),
                Some(_) => {}
                None => elsewhere = true,
            }
        }
        let rows: Vec<usize> = rows.filter(|index| self.is_as_written(*index)).collect();
        if rows.is_empty() && !elsewhere {
            return Sighting::Unknown;
        }
        Sighting::Unread(Unread { base: Arc::clone(&self.base), rows, elsewhere })
    }

    fn is_as_written(&self, index: usize) -> bool {
        let head = self.base.head(index);
        head.is_some_and(|(_, head)| self.recent.get(head.token_id).is_none())
    }

    /// Fingerprint and version of a token that was not revoked.
    fn known(&self, token_id: ApiTokenId) -> Option<(Print, u64)> {
        if let Some(change) = self.recent.get(token_id) {
            return change.live.as_ref().map(|live| (live.print, change.version));
        }
        let (print, head) = self.base.head(self.base.of_token(token_id)?)?;
        Some((print, head.version))
    }

    /// What a row that was found elsewhere is to what is known here.
    pub(in super::super) fn standing(&self, entry: &TokenEntry) -> Standing {
        match self.known(entry.token_id) {
            Some((_, version)) if entry.version < version => Standing::Older,
            Some((_, version)) if entry.version > version => Standing::Newer,
            Some((print, _)) if entry.print() == print => Standing::Current,
            Some(_) | None => Standing::Gone,
        }
    }

    /// Keeps a row of which that is so for those who ask next.
    pub(in super::super) fn keep(&self, entry: &Arc<TokenEntry>) {
        self.cache.put(entry);
    }

    /// Keeps one that the file lacks for the next file.
    pub(in super::super) fn learn(&mut self, entry: &Arc<TokenEntry>) {
        let live = Live { print: entry.print(), entry: Some(Arc::clone(entry)) };
        if self.recent.has_room() {
            self.recent.put(entry.token_id, entry.version, live);
            self.learned = true;
        }
    }

    /// Where the row of a token is on disk, where an event that changes it needs it.
    pub(in super::super) fn on_disk(&self, token_id: ApiTokenId) -> Option<(Arc<Base>, usize)> {
        let is_recent = self.recent.get(token_id).is_some();
        let index = self.base.of_token(token_id).filter(|_| !is_recent)?;
        Some((Arc::clone(&self.base), index))
    }

    pub(super) fn take(
        &mut self,
        token_id: ApiTokenId,
        version: u64,
        fact: &ApiTokenEvent,
        read: Option<&TokenEntry>,
    ) {
        let known = self.known(token_id);
        if let Some((print, _)) = known {
            self.cache.forget(print);
        }
        if matches!(fact, ApiTokenEvent::Revoked {}) {
            if self.base.of_token(token_id).is_some() {
                self.recent.bury(token_id, version);
            } else {
                self.recent.remove(token_id);
            }
            return;
        }
        let before = self.before(token_id, known, read);
        let entry =
            TokenRow::evolve(before, &token_id, fact).map(|row| Arc::new(TokenEntry::of(version, &row)));
        let print = match (&entry, fact, known) {
            (Some(entry), ..) => entry.print(),
            (None, ApiTokenEvent::Rotated { key }, Some(_)) => {
                sha256(key).as_ref().map_or(Print::NONE, Print::of)
            }
            (None, _, Some((print, _))) => print,
            // It was revoked, or never issued.
            (None, _, None) => return,
        };
        self.recent.put(token_id, version, Live { print, entry });
    }

    /// The row before an event: only the one that is the last that was heard of.
    fn before(
        &self,
        token_id: ApiTokenId,
        known: Option<(Print, u64)>,
        read: Option<&TokenEntry>,
    ) -> Option<TokenRow> {
        let (_, version) = known?;
        let is_last = |entry: &&TokenEntry| entry.version == version;
        let recent = self.recent.get(token_id).and_then(|change| change.live.as_ref()?.entry.as_deref());
        if let Some(entry) = recent.or(read).filter(is_last) {
            return Some(entry.row());
        }
        // It was recent when it was asked which rows to read, and is in the file that was written meanwhile.
        let line = self.base.line(self.base.of_token(token_id)?).ok()?;
        snapshot::token(&line).ok().flatten().as_ref().filter(is_last).map(TokenEntry::row)
    }

    pub(super) fn shared(&self) -> SharedTokens {
        SharedTokens::Indexed {
            base: Arc::clone(&self.base),
            live: self.recent.live(),
            changed: self.recent.ids(),
        }
    }

    /// Rows are read from another file from now on; the one before is given back, to go when nobody waits.
    pub(in super::super) fn read_from(&mut self, base: Base) -> Arc<Base> {
        self.recent.retain_beside(&base);
        self.learned = false;
        std::mem::replace(&mut self.base, Arc::new(base))
    }

    /// Whether what is kept beside the file has come to half of what there is room for.
    pub(in super::super) const fn is_crowded(&self) -> bool {
        self.recent.is_crowded()
    }

    /// Whether rows were found elsewhere since the file was written.
    pub(in super::super) const fn has_learned(&self) -> bool {
        self.learned
    }

    pub(in super::super) fn counts(&self) -> TokenCounts {
        TokenCounts {
            in_file: self.base.len(),
            since: self.recent.len(),
            rows: self.recent.rows(),
            cached: self.cache.len(),
        }
    }
}

/// How much a node without the database knows of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// How many the snapshot has that is read from.
    pub in_file: usize,
    /// How many were issued, changed or revoked since it was written.
    pub since: usize,
    /// Of how many of these the row is in memory.
    pub rows: usize,
    /// About how many rows are in memory because calls asked for them.
    pub cached: u64,
}
