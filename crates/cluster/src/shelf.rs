//! What a node keeps on its own disk of what it heard, so that it starts and serves with everything else away.
//!
//! Two files, each with a mark that only a holder of the master key can make: the snapshot, and when the node last knew
//! that nothing was missing in it. The second says how old the first is, so it is only written where both are of one place.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::TimeStamp;
use eventlog::{Place, Sealer};
use ledger::NodeClock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    Freshness, Reached,
    follow::{Replica, ReplicaError},
};

/// How often what was heard is written down, where it changed.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);
/// How often it is written down that nothing was missing.
const REACHED_EVERY: Duration = Duration::from_secs(2);
const MARK_BYTES: usize = 32;

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

/// A file with a mark before what it says.
struct Marked {
    path: PathBuf,
    purpose: &'static [u8],
    sealer: Sealer,
}

/// When nothing was missing, as another process can tell it.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
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

    /// What the process before this one wrote down, if it did.
    ///
    /// # Errors
    /// When it cannot be read, or was not written with this master key.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, ShelfError> {
        self.snapshot.read()
    }

    /// When nothing was missing in a snapshot of `place`, on this boot's clock; none where that is not known.
    ///
    /// # Errors
    /// When it cannot be read, or was not written with this master key.
    pub fn reached(&self, place: Place) -> Result<Option<Reached>, ShelfError> {
        *self.place.lock() = Some(place);
        let Some(text) = self.reached.read()? else { return Ok(None) };
        let Some(written) = serde_json::from_slice::<Written>(&text).ok().filter(|it| it.place == place)
        else {
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
            let is_due = written.is_none_or(|written| now.duration_since(written) >= SNAPSHOT_EVERY);
            let is_new = *self.place.lock() != Some(replica.place());
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

    /// Writes all of it down now.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn put(&self, replica: &dyn Replica, freshness: &Freshness) -> Result<(), ShelfError> {
        if *self.place.lock() != Some(replica.place()) {
            let (place, snapshot) = replica.snapshot()?;
            self.snapshot.write(&snapshot, Durability::Synced)?;
            *self.place.lock() = Some(place);
        }
        self.put_reached(freshness)
    }

    fn put_reached(&self, freshness: &Freshness) -> Result<(), ShelfError> {
        let Some(Reached { place, at_ms }) = freshness.last() else { return Ok(()) };
        if *self.place.lock() != Some(place) {
            return Ok(());
        }
        let gone_ms = u64::try_from(signed(self.clock.boot_ms()).saturating_sub(at_ms)).unwrap_or(0);
        let wall = self.clock.wall().minus_ms(gone_ms);
        let written = Written { place, boot_id: self.boot_id.clone(), boot_ms: at_ms, wall };
        let text = serde_json::to_vec(&written).map_err(|error| ReplicaError(Box::new(error)))?;
        // It matters while the machine stays up: an older one claims less.
        self.reached.write(&text, Durability::Unsynced)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    Synced,
    Unsynced,
}

impl Marked {
    fn read(&self) -> Result<Option<Vec<u8>>, ShelfError> {
        let mut bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let Some((mark, text)) = bytes.split_at_checked(MARK_BYTES) else {
            return Err(ShelfError::Forged(self.path.clone()));
        };
        if !self.sealer.is_marked(&self.message(text), mark) {
            return Err(ShelfError::Forged(self.path.clone()));
        }
        bytes.drain(..MARK_BYTES);
        Ok(Some(bytes))
    }

    /// Whole or not at all.
    fn write(&self, text: &[u8], durability: Durability) -> Result<(), ShelfError> {
        self.write_file(text, durability).map_err(|error| self.failed(error))
    }

    fn write_file(&self, text: &[u8], durability: Durability) -> io::Result<()> {
        let mut draft = self.path.clone().into_os_string();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let mut file: File =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&self.sealer.mark(&self.message(text)))?;
        file.write_all(text)?;
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        fs::rename(&draft, &self.path)
    }

    /// What is marked: a hash stands for what may be long.
    fn message(&self, text: &[u8]) -> Vec<u8> {
        [self.purpose, Sha256::digest(text).as_slice()].concat()
    }

    fn failed(&self, source: io::Error) -> ShelfError {
        ShelfError::Io { path: self.path.clone(), source }
    }
}
