//! Tokens whose rows are on disk or elsewhere.

use std::{io, sync::Arc};

use domain::{Aggregate, ApiTokenId, api_token::ApiToken};
use eventlog::Recorded;
use thiserror::Error;

use super::{
    Directory, Sighting, Standing, TokenCounts, TokenEntry, Unread, snapshot,
    tokens::{Base, Indexed, RowsBefore},
};

/// Why a row on disk is of no use.
#[derive(Debug, Error)]
pub(crate) enum RowError {
    /// It cannot be read, or was changed.
    #[error("a row of the snapshot cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is not what it should be.
    #[error("a row of the snapshot has another form: {0}")]
    Form(#[from] serde_json::Error),
}

impl Unread {
    /// The rows in the file that may be meant, from disk; none of one that whoever wrote it had not read.
    pub(crate) fn read(&self) -> Vec<Result<Option<TokenEntry>, RowError>> {
        self.rows.iter().map(|index| row(&self.base, *index)).collect()
    }
}

fn row(base: &Base, index: usize) -> Result<Option<TokenEntry>, RowError> {
    Ok(snapshot::token(&base.line(index)?)?)
}

impl Directory {
    /// What a key with this hash is, by what is in memory.
    pub(crate) fn sight(&self, sha256: &[u8; 32]) -> Sighting {
        self.state.read().tokens.sight(sha256)
    }

    /// Keeps a row in memory for those who ask next, where it is what is known of its token; `is_news` where the file does
    /// not have it.
    pub(crate) fn keep(&self, entry: &Arc<TokenEntry>, is_news: bool) -> Standing {
        let standing = {
            let state = self.state.read();
            let Some(tokens) = state.tokens.indexed() else { return Standing::Gone };
            let standing = tokens.standing(entry);
            if standing == Standing::Current {
                // Under the lock: what is heard next finds it here, and takes it away.
                tokens.keep(entry);
            }
            standing
        };
        if standing == Standing::Current && is_news {
            let mut state = self.state.write();
            if let Some(tokens) = state.tokens.indexed_mut()
                && tokens.standing(entry) == Standing::Current
            {
                tokens.learn(entry);
            }
        }
        standing
    }

    /// How much is known of tokens, on a node that has no database.
    pub fn token_counts(&self) -> Option<TokenCounts> {
        self.state.read().tokens.indexed().map(Indexed::counts)
    }

    /// Rows that these events change and that are on disk.
    pub(super) fn rows_before(&self, events: &[Recorded]) -> RowsBefore {
        let mut of_tokens = events.iter().filter(|event| event.kind() == ApiToken::KIND).peekable();
        if of_tokens.peek().is_none() {
            return RowsBefore::new();
        }
        let on_disk: Vec<(ApiTokenId, Arc<Base>, usize)> = {
            let state = self.state.read();
            let Some(tokens) = state.tokens.indexed() else { return RowsBefore::new() };
            let ids = of_tokens.filter_map(|event| event.id().parse::<ApiTokenId>().ok());
            ids.filter_map(|id| tokens.on_disk(id).map(|(base, index)| (id, base, index))).collect()
        };
        let mut before = RowsBefore::new();
        for (token_id, base, index) in on_disk {
            match row(&base, index) {
                Ok(entry) => before.extend(entry.map(|entry| (token_id, entry))),
                Err(error) => tracing::error!(%error, %token_id, "a token's row is looked up elsewhere"),
            }
        }
        before
    }
}
