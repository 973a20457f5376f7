//! What happened to tokens since the file was written that has the others.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
};

use domain::ApiTokenId;
use uuid::Uuid;

use super::{
    super::token::{Print, TokenEntry},
    LiveRow,
    base::Base,
};

/// The most rows that are kept; of more only the versions are, until the next file has been written.
const ROWS_MAX: usize = 65_536;

/// A token now.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    /// None where it was revoked.
    pub(super) live: Option<Live>,
}

/// One that was not revoked.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) print: Print,
    /// None where there was no room for it, or it could not be read when it changed.
    pub(super) entry: Option<Arc<TokenEntry>>,
}

#[derive(Debug)]
pub(super) struct Recent {
    by_id: HashMap<ApiTokenId, Change>,
    /// Those that were not revoked.
    by_print: BTreeSet<(Print, ApiTokenId)>,
    /// How many of them have their row.
    rows: usize,
    /// How many may.
    rows_max: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_room(ROWS_MAX)
    }
}

impl Recent {
    fn with_room(rows_max: usize) -> Self {
        Self { by_id: HashMap::new(), by_print: BTreeSet::new(), rows: 0, rows_max }
    }

    /// Whether there is room for another row.
    pub(super) const fn has_room(&self) -> bool {
        self.rows < self.rows_max
    }

    /// Whether half of the room is taken.
    pub(super) const fn is_crowded(&self) -> bool {
        self.rows >= self.rows_max / 2
    }

    pub(super) fn get(&self, token_id: ApiTokenId) -> Option<&Change> {
        self.by_id.get(&token_id)
    }

    /// Those with that fingerprint.
    pub(super) fn of_print(&self, print: Print) -> impl Iterator<Item = &Live> {
        let first = Bound::Included((print, ApiTokenId(Uuid::nil())));
        let last = Bound::Included((print, ApiTokenId(Uuid::max())));
        let ids = self.by_print.range((first, last));
        ids.filter_map(|(_, token_id)| self.by_id.get(token_id)?.live.as_ref())
    }

    /// A token is so from now on; its row is kept where there is room.
    pub(super) fn put(&mut self, token_id: ApiTokenId, version: u64, mut live: Live) {
        self.remove(token_id);
        if !self.has_room() {
            live.entry = None;
        }
        self.rows += usize::from(live.entry.is_some());
        self.by_print.insert((live.print, token_id));
        self.by_id.insert(token_id, Change { version, live: Some(live) });
    }

    /// A token of the file was revoked.
    pub(super) fn bury(&mut self, token_id: ApiTokenId, version: u64) {
        self.remove(token_id);
        self.by_id.insert(token_id, Change { version, live: None });
    }

    pub(super) fn remove(&mut self, token_id: ApiTokenId) {
        if let Some(Live { print, entry }) = self.by_id.remove(&token_id).and_then(|change| change.live) {
            self.by_print.remove(&(print, token_id));
            self.rows -= usize::from(entry.is_some());
        }
    }

    /// Another file has the others from now on: what it has as well goes.
    pub(super) fn retain_beside(&mut self, base: &Base) {
        let is_there = |token_id: ApiTokenId, change: &Change| {
            let written = base.of_token(token_id).and_then(|index| base.head(index));
            match (&change.live, written) {
                (Some(_), Some((_, head))) => head.version >= change.version,
                (Some(_), None) => false,
                (None, written) => written.is_none(),
            }
        };
        let there = self.by_id.iter().filter(|(token_id, change)| is_there(**token_id, change));
        let there: Vec<ApiTokenId> = there.map(|(token_id, _)| *token_id).collect();
        for token_id in there {
            self.remove(token_id);
        }
    }

    /// Those that were not revoked, in the order of a file.
    pub(super) fn live(&self) -> Vec<LiveRow> {
        let row = |(print, token_id): &(Print, ApiTokenId)| {
            let change = self.by_id.get(token_id)?;
            let entry = change.live.as_ref()?.entry.clone();
            Some(LiveRow { print: *print, token_id: *token_id, version: change.version, entry })
        };
        self.by_print.iter().filter_map(row).collect()
    }

    pub(super) fn ids(&self) -> HashSet<ApiTokenId> {
        self.by_id.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many rows there are.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Live, Print, Recent, TokenEntry};
    use crate::{
        fixtures::{hashed, token_id, token_spec},
        tokens::{TokenRow, TokenState},
    };

    fn live(token: u8) -> Live {
        let row = TokenRow {
            token_id: token_id(token.into()),
            spec: token_spec(1),
            key: hashed(token),
            state: TokenState::Enabled,
        };
        let entry = TokenEntry::of(1, &row);
        Live { print: entry.print(), entry: Some(Arc::new(entry)) }
    }

    #[test]
    fn there_is_room_for_so_many_rows_and_of_every_other_token_it_is_known_that_it_is_there() {
        let mut recent = Recent::with_room(2);
        for token in 1..=3 {
            recent.put(token_id(token.into()), 1, live(token));
        }
        let whole = |recent: &Recent| -> Vec<bool> {
            let print = |token: u8| Print(u64::from_be_bytes([token; 8]));
            let rows =
                (1..=3).flat_map(|token| recent.of_print(print(token)).map(|live| live.entry.is_some()));
            rows.collect()
        };
        assert_eq!(whole(&recent), [true, true, false]);
        assert!(recent.is_crowded() && !recent.has_room());
        assert_eq!(recent.live().len(), 3);
        // What goes makes room.
        recent.remove(token_id(1));
        recent.bury(token_id(2), 2);
        recent.put(token_id(3), 2, live(3));
        assert_eq!((whole(&recent), recent.rows(), recent.len()), (vec![true], 1, 2));
    }
}
