//! What a node keeps on its own disk of what it heard, so that it starts and serves with everything else away.
//!
//! Two files, each with a mark that only a holder of the master key can make: the snapshot, and when the node last knew
//! that nothing was missing in it. The second says how old the first is, so it is only written where both are of one place.

mod marked;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::TimeStamp;
use eventlog::{Place, Sealer};
use ledger::NodeClock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::marked::Draft;
use self::marked::{Durability, Marked};
use crate::{
    Freshness, Reached,
    follow::{Replica, ReplicaError},
};

/// How often what was heard is written down, where it changed.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);
/// How often it is written down that nothing was missing.
const REACHED_EVERY: Duration = Duration::from_secs(2);
/// What is being written, until it takes the place of what was.
const DRAFT: &str = ".new";
/// The same of what another node sends, which may come at the same time.
const FETCHED: &str = ".fetched";

/// Why a file of the shelf is not used.
#[derive(Debug, Error)]
pub enum ShelfError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody who holds the master key wrote it, or it was changed.
    #[error("{0} bears no mark of this master key: it was changed, or is another installation's")]
    Forged(PathBuf),
    /// What is to be written cannot be made.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// When nothing was missing, as another process can tell it.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    place: Place,
    boot_id: String,
    boot_ms: i64,
    wall: TimeStamp,
}

/// The files, and where the snapshot in them stands.
pub struct Shelf {
    snapshot: Marked,
    reached: Marked,
    boot_id: String,
    clock: Arc<dyn NodeClock>,
    place: Mutex<Option<Place>>,
}

impl Shelf {
    /// The files in `dir`. `boot_id` names the kernel's boot: its clock is no other's.
    pub fn new(dir: &Path, sealer: &Sealer, boot_id: String, clock: Arc<dyn NodeClock>) -> Self {
        let file = |name: &str, purpose| Marked { path: dir.join(name), purpose, sealer: sealer.clone() };
        Self {
            snapshot: file("directory.snapshot", b"directory snapshot\0"),
            reached: file("directory.reached", b"directory reached\0"),
            boot_id,
            clock,
            place: Mutex::new(None),
        }
    }

    /// What the process before this one wrote down, if it did: its mark was checked, and the file stands behind it. It
    /// stays the one that was checked when another takes its place.
    ///
    /// # Errors
    /// When it cannot be read, or was not written with this master key.
    pub fn snapshot(&self) -> Result<Option<File>, ShelfError> {
        self.snapshot.open()
    }

    /// Room for a snapshot that another node sends.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn draft(&self) -> io::Result<Draft<'_>> {
        self.snapshot.draft(FETCHED)
    }

    /// When nothing was missing in a snapshot of `place`, on this boot's clock; none where that is not known.
    ///
    /// # Errors
    /// When it cannot be read, or was not written with this master key.
    pub fn reached(&self, place: Place) -> Result<Option<Reached>, ShelfError> {
        *self.place.lock() = Some(place);
        let Some(text) = self.reached.read()? else { return Ok(None) };
        let Some(written) = serde_json::from_slice::<Noted>(&text).ok().filter(|it| it.place == place) else {
            return Ok(None);
        };
        let at_ms = if written.boot_id == self.boot_id {
            written.boot_ms
        } else {
            // Another boot's clock tells nothing: only the wall's is left, and one that was set back is not believed.
            let gone_us = self.clock.wall().micros().saturating_sub(written.wall.micros());
            let Ok(gone_us) = u64::try_from(gone_us) else { return Ok(None) };
            signed(self.clock.boot_ms()).saturating_sub(signed(gone_us / 1_000))
        };
        Ok(Some(Reached { place, at_ms }))
    }

    /// Writes down what `replica` comes to, and how fresh that is, for as long as it is polled.
    pub async fn keep(self: Arc<Self>, replica: Arc<dyn Replica>, freshness: Arc<Freshness>) {
        let mut every = tokio::time::interval(REACHED_EVERY);
        let mut written = tokio::time::Instant::now().checked_sub(SNAPSHOT_EVERY);
        loop {
            every.tick().await;
            let now = tokio::time::Instant::now();
            let is_due = replica.is_crowded()
                || written.is_none_or(|written| now.duration_since(written) >= SNAPSHOT_EVERY);
            let is_new = self.is_new(&*replica);
            if is_due && is_new {
                written = Some(now);
            }
            let (shelf, replica, freshness) =
                (Arc::clone(&self), Arc::clone(&replica), Arc::clone(&freshness));
            let kept = tokio::task::spawn_blocking(move || {
                if is_due && is_new {
                    shelf.put(&*replica, &freshness)
                } else {
                    shelf.put_reached(&freshness)
                }
            });
            match kept.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "what this node knows was not written down"),
                Err(error) => tracing::error!(%error, "what this node knows was not written down"),
            }
        }
    }

    /// Writes all of it down now, where it is not; what was written is what `replica` reads from then on.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn put(&self, replica: &dyn Replica, freshness: &Freshness) -> Result<(), ShelfError> {
        if self.is_new(replica) {
            let mut draft = self.snapshot.draft(DRAFT).map_err(|error| self.snapshot.failed(error))?;
            let written = replica.write(&mut draft)?;
            let file = draft.keep()?;
            *self.place.lock() = Some(written.place);
            (written.read_from)(file)?;
        }
        self.put_reached(freshness)
    }

    fn is_new(&self, replica: &dyn Replica) -> bool {
        *self.place.lock() != Some(replica.place()) || replica.has_unwritten()
    }

    fn put_reached(&self, freshness: &Freshness) -> Result<(), ShelfError> {
        let Some(Reached { place, at_ms }) = freshness.last() else { return Ok(()) };
        if *self.place.lock() != Some(place) {
            return Ok(());
        }
        let gone_ms = u64::try_from(signed(self.clock.boot_ms()).saturating_sub(at_ms)).unwrap_or(0);
        let wall = self.clock.wall().minus_ms(gone_ms);
        let noted = Noted { place, boot_id: self.boot_id.clone(), boot_ms: at_ms, wall };
        let text = serde_json::to_vec(&noted).map_err(|error| ReplicaError(Box::new(error)))?;
        // It matters while the machine stays up: an older one claims less.
        let failed = |error| self.reached.failed(error);
        let mut draft = self.reached.draft(DRAFT).map_err(failed)?;
        draft.write_all(&text).map_err(failed)?;
        draft.keep_for(Durability::Unsynced).map(drop)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
