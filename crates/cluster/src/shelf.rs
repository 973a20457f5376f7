//! What a node keeps on its own disk of what it heard, so that it starts and serves with everything else away.
//!
//! Two files, each with a mark that only a holder of the master key can make: the snapshot, and when the node last knew
//! that nothing was missing in it. The second says how old the first is, so it is only written where both are of one place.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
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
/// How much of a file is in memory at once.
const BUFFER_BYTES: usize = 64 * 1024;

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

    /// What the process before this one wrote down, if it did: its mark was checked, and it is read as it is needed.
    ///
    /// # Errors
    /// When it cannot be read, or was not written with this master key.
    pub fn snapshot(&self) -> Result<Option<BufReader<File>>, ShelfError> {
        self.snapshot.open()
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
            let place = self.snapshot.write(Durability::Synced, |out| replica.write(out))?;
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
        let whole = |out: &mut dyn Write| out.write_all(&text).map_err(|error| ReplicaError(Box::new(error)));
        self.reached.write(Durability::Unsynced, whole)
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
        let Some(mut file) = self.open()? else { return Ok(None) };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| self.failed(error))?;
        Ok(Some(text))
    }

    /// What it says, once its mark was found to be right; the file stays the one that was checked.
    fn open(&self) -> Result<Option<BufReader<File>>, ShelfError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => BufReader::with_capacity(BUFFER_BYTES, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        if !self.is_marked(&mut file).map_err(|error| self.failed(error))? {
            return Err(ShelfError::Forged(self.path.clone()));
        }
        file.seek(SeekFrom::Start(MARK_BYTES as u64)).map_err(|error| self.failed(error))?;
        Ok(Some(file))
    }

    fn is_marked(&self, file: &mut impl Read) -> io::Result<bool> {
        let (mut mark, mut text) = (Vec::new(), Sha256::new());
        file.by_ref().take(MARK_BYTES as u64).read_to_end(&mut mark)?;
        io::copy(file, &mut text)?;
        Ok(self.sealer.is_marked(&self.message(text), &mark))
    }

    /// Whole or not at all. What is written comes as it is made: there may be much of it.
    fn write<T>(
        &self,
        durability: Durability,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, ReplicaError>,
    ) -> Result<T, ShelfError> {
        let mut draft = self.path.clone().into_os_string();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let failed = |error| self.failed(error);
        let mut out = Hashed::create(&draft).map_err(failed)?;
        let filled = fill(&mut out)?;
        let Hashed { text, hash } = out;
        let end = || {
            let mut file = text.into_inner()?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&self.sealer.mark(&self.message(hash)))?;
            if durability == Durability::Synced {
                file.sync_all()?;
            }
            fs::rename(&draft, &self.path)
        };
        end().map_err(failed)?;
        Ok(filled)
    }

    /// What is marked: a hash stands for what may be long.
    fn message(&self, text: Sha256) -> Vec<u8> {
        [self.purpose, text.finalize().as_slice()].concat()
    }

    fn failed(&self, source: io::Error) -> ShelfError {
        ShelfError::Io { path: self.path.clone(), source }
    }
}

/// A file with room for its mark, and the hash of what was written behind that.
struct Hashed {
    text: BufWriter<File>,
    hash: Sha256,
}

impl Hashed {
    fn create(path: &Path) -> io::Result<Self> {
        let mut file: File =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&[0; MARK_BYTES])?;
        Ok(Self { text: BufWriter::with_capacity(BUFFER_BYTES, file), hash: Sha256::new() })
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.text.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.text.flush()
    }
}
