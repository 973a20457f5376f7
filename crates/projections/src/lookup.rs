//! Finds the token of a key. Memory alone refuses a key that no token has; of one that a token may have the row is sought in
//! memory, in the snapshot's file, and then in one [`TokenTier`] after another. A row is used only if it is of the version
//! that the control log has come to here: whoever holds an older one, or forges one, decides nothing.

mod flights;
mod tally;
#[cfg(test)]
mod tests;
mod tier;

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{sync::Semaphore, time::timeout};

use self::{
    flights::Flights,
    tally::{FILE, MEMORY, Tally},
};
pub use self::{
    tally::{LookupCount, LookupOutcome},
    tier::{TierError, TokenTier},
};
use crate::{
    Directory, TokenEntry, Versioned,
    directory::{Sighting, Standing, Unread},
    tokens::TokenRow,
};

/// How long one look-up may take, all tiers together: its client waits meanwhile.
const LOOKUP_MAX: Duration = Duration::from_secs(1);
/// How many look-ups go on at once; others wait for their turn.
const LOOKUPS_MAX: usize = 128;
/// So often is it begun anew because the token changed meanwhile.
const ROUNDS_MAX: usize = 3;

/// There is such a token, or was a moment ago, and nobody who could tell what it is has answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the token is known to this node, and what it may do cannot be found out now")]
pub struct TokenOutOfReach;

/// What was found of a key.
#[derive(Clone, Debug)]
enum Found {
    Token(Arc<TokenEntry>),
    Nobody,
    Nothing,
}

/// What became of a row that somebody had.
enum Judged {
    Used(Arc<TokenEntry>),
    /// It is of no use: the next one is asked.
    Passed,
    /// What is known has changed: it is looked at anew.
    Anew,
}

/// Finds tokens for whoever carries calls.
pub struct TokenLookup {
    directory: Arc<Directory>,
    tiers: Vec<Box<dyn TokenTier>>,
    flights: Flights<Found>,
    turns: Semaphore,
    tally: Tally,
}

impl TokenLookup {
    /// By what `directory` knows, and by these where that is not enough, in their order.
    pub fn new(directory: Arc<Directory>, tiers: Vec<Box<dyn TokenTier>>) -> Arc<Self> {
        let tally = Tally::of(tiers.iter().map(|tier| tier.name()));
        let (flights, turns) = (Flights::default(), Semaphore::new(LOOKUPS_MAX));
        Arc::new(Self { directory, tiers, flights, turns, tally })
    }

    /// The token whose key has this hash; none when that key was replaced, the token revoked, or there never was one.
    ///
    /// # Errors
    /// When there is one, and what it is cannot be found out in time.
    pub async fn find(&self, sha256: &[u8; 32]) -> Result<Option<Arc<TokenEntry>>, TokenOutOfReach> {
        match self.directory.sight(sha256) {
            Sighting::Known(entry) => {
                self.tally.count(MEMORY, LookupOutcome::Found);
                Ok(Some(entry))
            }
            Sighting::Unknown => {
                self.tally.count(MEMORY, LookupOutcome::Unknown);
                Ok(None)
            }
            Sighting::Unread(_) => {
                self.tally.count(MEMORY, LookupOutcome::Missing);
                Box::pin(self.seek(*sha256)).await
            }
        }
    }

    /// How look-ups went, by tier and outcome.
    pub fn counts(&self) -> Vec<LookupCount> {
        self.tally.read()
    }

    /// Many who ask for one key at once are one who asks.
    async fn seek(&self, sha256: [u8; 32]) -> Result<Option<Arc<TokenEntry>>, TokenOutOfReach> {
        let flight = self.flights.join(sha256);
        let found = timeout(LOOKUP_MAX, flight.once(|| self.look(&sha256))).await;
        match found.unwrap_or(Found::Nothing) {
            Found::Token(entry) => Ok(Some(entry)),
            Found::Nobody => Ok(None),
            Found::Nothing => Err(TokenOutOfReach),
        }
    }

    async fn look(&self, sha256: &[u8; 32]) -> Found {
        let Ok(_turn) = self.turns.acquire().await else { return Found::Nothing };
        for _ in 0..ROUNDS_MAX {
            let unread = match self.directory.sight(sha256) {
                Sighting::Known(entry) => return Found::Token(entry),
                Sighting::Unknown => return Found::Nobody,
                Sighting::Unread(unread) => unread,
            };
            let mut elsewhere = unread.elsewhere;
            match self.in_file(sha256, unread, &mut elsewhere).await {
                Judged::Used(entry) => return Found::Token(entry),
                Judged::Anew => continue,
                // Every token with that fingerprint was read, and has another key.
                Judged::Passed if !elsewhere => return Found::Nobody,
                Judged::Passed => {}
            }
            match self.in_tiers(sha256).await {
                Judged::Used(entry) => return Found::Token(entry),
                Judged::Passed => break,
                Judged::Anew => {}
            }
        }
        // What was heard meanwhile may have decided it.
        match self.directory.sight(sha256) {
            Sighting::Known(entry) => Found::Token(entry),
            Sighting::Unknown => Found::Nobody,
            Sighting::Unread(_) => Found::Nothing,
        }
    }

    /// Looks in the snapshot's file, away from whoever carries calls: a disk may take its time.
    async fn in_file(&self, sha256: &[u8; 32], unread: Unread, elsewhere: &mut bool) -> Judged {
        let Ok(rows) = tokio::task::spawn_blocking(move || unread.read()).await else {
            *elsewhere = true;
            return Judged::Passed;
        };
        for row in rows {
            match row {
                Ok(Some(entry)) if entry.has_key(sha256) => {
                    let entry = Arc::new(entry);
                    if self.directory.keep(&entry, false) != Standing::Current {
                        self.tally.count(FILE, LookupOutcome::Older);
                        return Judged::Anew;
                    }
                    self.tally.count(FILE, LookupOutcome::Found);
                    return Judged::Used(entry);
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.tally.count(FILE, LookupOutcome::Missing);
                    *elsewhere = true;
                }
                Err(error) => {
                    tracing::error!(%error, "a token is looked up elsewhere");
                    self.tally.count(FILE, LookupOutcome::Away);
                    *elsewhere = true;
                }
            }
        }
        Judged::Passed
    }

    async fn in_tiers(&self, sha256: &[u8; 32]) -> Judged {
        for (number, tier) in self.tiers.iter().enumerate() {
            let (outcome, judged) = match tier.token(sha256).await {
                Ok(Some(found)) => self.judge(sha256, found).await,
                Ok(None) => (LookupOutcome::Missing, Judged::Passed),
                Err(TierError::Forged) => (LookupOutcome::Forged, Judged::Passed),
                Err(TierError::Away(reason)) => {
                    tracing::debug!(tier = tier.name(), %reason, "a token is looked up elsewhere");
                    (LookupOutcome::Away, Judged::Passed)
                }
            };
            self.tally.count(tally::tier(number), outcome);
            if !matches!(judged, Judged::Passed) {
                return judged;
            }
        }
        Judged::Passed
    }

    /// What a row is that somebody had, by what is known here. One that is newer is kept until that is known here as well.
    async fn judge(&self, sha256: &[u8; 32], found: Versioned<TokenRow>) -> (LookupOutcome, Judged) {
        let entry = Arc::new(TokenEntry::of(found.version, &found.row));
        if !entry.has_key(sha256) {
            return (LookupOutcome::Forged, Judged::Passed);
        }
        let mut positions = self.directory.positions();
        loop {
            positions.mark_unchanged();
            match self.directory.keep(&entry, true) {
                Standing::Current => return (LookupOutcome::Found, Judged::Used(entry)),
                Standing::Older => return (LookupOutcome::Older, Judged::Passed),
                Standing::Gone => return (LookupOutcome::Older, Judged::Anew),
                // What the row knows is on its way here; who asked waits no longer than for any look-up.
                Standing::Newer if positions.changed().await.is_ok() => {}
                Standing::Newer => return (LookupOutcome::Older, Judged::Passed),
            }
        }
    }
}
