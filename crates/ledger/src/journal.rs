//! The journal: what a node did with money, on its own disk, before anyone else knows.
//!
//! Append-only, hash-chained, one per data directory and locked. Records are copied into a preallocated file:
//! that outlives the process; a background task makes them durable against power loss (`fdatasync`) and only
//! what is durable is ingested. Writing a record wakes no thread.

mod files;
mod reader;
mod segment;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::JournalId;
use thiserror::Error;

pub use self::reader::{Framed, Reader};
use self::segment::{Header, Segment};
use crate::{
    chain::{Link, PAYLOAD_BYTES_MAX},
    record::{Record, RecordError},
};

/// How large one file is, in bytes.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// The most files that may wait to be ingested: 1 GiB. Beyond it no reservation is taken.
pub const SEGMENTS_MAX: usize = 256;

/// The largest reservation, in bytes: its settlement says all of it again, and what came of it beside.
const RESERVE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX / 2;

/// How many files are kept after they were ingested, however young they are: 256 MiB.
const SEGMENTS_KEPT: usize = 64;

/// Why the journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The disk or the file system.
    #[error("the journal cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Another process has it.
    #[error("{0} is in use by another process; one data directory serves one process")]
    Locked(PathBuf),
    /// Something in the middle is not what was written.
    #[error(
        "the journal is damaged: {path} at byte {offset}. Keep the directory as it is; start with another \
         --data-dir, or restore this file from a copy"
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
    },
    /// The files do not follow one another.
    #[error("the journal lacks records {expected} to {found}: {path} begins too late")]
    Gap {
        /// The file that begins too late.
        path: PathBuf,
        /// The record that should begin it.
        expected: u64,
        /// The record that does.
        found: u64,
    },
    /// A record that this version cannot read or write.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record larger than a frame may be.
    #[error("a journal record of {bytes} bytes is larger than {bytes_max}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// Too much waits to be ingested.
    #[error("the journal holds {SEGMENTS_MAX} files that are not ingested yet")]
    Full,
}

/// A journal that is open for writing.
pub struct Journal {
    dir: PathBuf,
    id: JournalId,
    segment_bytes: usize,
    current: Segment,
    /// Allocated ahead, so that what was reserved can be settled on a full disk.
    spare: Option<Segment>,
    /// Files that have been written to since they were last made durable.
    dirty: Vec<Arc<File>>,
    segments: usize,
    seq: u64,
    link: Link,
    _lock: File,
}

impl Journal {
    /// Opens the journal in `dir`, or begins one called `new_id`, and hands every record that it holds to `visit`.
    /// A torn last record, which only a power loss leaves, is cut off; a copy of its file is kept.
    ///
    /// # Errors
    /// When another process has it, the disk fails, or a record before the last is not what was written.
    pub fn open(
        dir: &Path,
        new_id: JournalId,
        segment_bytes: usize,
        mut visit: impl FnMut(u64, Record),
    ) -> Result<Self, JournalError> {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        remove_if_there(&files::spare_path(dir))?;
        let found = files::tidy(dir)?;
        let Some((last, before)) = found.split_last() else {
            return Self::begin(dir, new_id, segment_bytes, lock);
        };
        let mut expected = found.first().map_or(1, |first| first.header.first_seq);
        let mut replay = |segment: &files::Found, last: bool| {
            follows(segment, expected)?;
            let scanned = files::scan(segment, |seq, payload, _| {
                visit(seq, Record::decode(payload)?);
                Ok(())
            })?;
            expected = scanned.last_seq + 1;
            if scanned.broken && !last {
                return Err(JournalError::Corrupt { path: segment.path.clone(), offset: scanned.length });
            }
            Ok(scanned)
        };
        for segment in before {
            replay(segment, false)?;
        }
        let scanned = replay(last, true)?;
        if scanned.broken {
            // Should it be damage, and no torn write, then what follows is still to be had.
            let kept = last.path.with_extension("torn");
            fs::copy(&last.path, &kept)?;
            tracing::warn!(
                path = %last.path.display(), offset = scanned.length, kept = %kept.display(),
                "cut off a torn journal record"
            );
        }
        let current = Segment::reopen(&last.path, scanned.length)?;
        let mut journal = Self {
            dir: dir.to_owned(),
            id: last.header.journal_id,
            segment_bytes,
            dirty: before
                .iter()
                .map(|found| File::open(&found.path).map(Arc::new))
                .collect::<io::Result<_>>()?,
            current,
            spare: None,
            segments: found.len(),
            seq: scanned.last_seq,
            link: scanned.link,
            _lock: lock,
        };
        journal.prepare()?;
        Ok(journal)
    }

    fn begin(dir: &Path, id: JournalId, segment_bytes: usize, lock: File) -> Result<Self, JournalError> {
        let mut current = Segment::allocate(&files::spare_path(dir), segment_bytes)?;
        let header = Header { journal_id: id, first_seq: 1, before: Link::default() };
        current.begin(&header, &files::segment_path(dir, 1))?;
        sync_dir(dir)?;
        let mut journal = Self {
            dir: dir.to_owned(),
            id,
            segment_bytes,
            dirty: vec![current.file()],
            current,
            spare: None,
            segments: 1,
            seq: 0,
            link: Link::default(),
            _lock: lock,
        };
        journal.prepare()?;
        Ok(journal)
    }

    /// Which journal this is.
    pub const fn id(&self) -> JournalId {
        self.id
    }

    /// The last record's number; 0 when there is none.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Appends one record; it outlives the process when this returns.
    ///
    /// # Errors
    /// When it cannot be encoded or the disk fails; nothing was appended then.
    pub fn append(&mut self, record: &Record) -> Result<u64, JournalError> {
        let payload = record.encode()?;
        let bytes_max =
            if matches!(record, Record::Reserve(_)) { RESERVE_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
        if payload.len() > bytes_max {
            return Err(JournalError::TooLarge { bytes: payload.len(), bytes_max });
        }
        if !self.current.fits(payload.len()) {
            self.rotate()?;
        }
        let link = self.link.next(&payload);
        self.current.append(&payload, &link)?;
        self.seq += 1;
        self.link = link;
        Ok(self.seq)
    }

    /// Whether a new reservation may be taken: what is reserved must be possible to settle.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self) -> Result<(), JournalError> {
        if self.segments >= SEGMENTS_MAX {
            return Err(JournalError::Full);
        }
        match self.spare {
            Some(_) => Ok(()),
            None => Err(JournalError::Io(io::ErrorKind::StorageFull.into())),
        }
    }

    /// Allocates the next file ahead of need. Called apart from the writing of records.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn prepare(&mut self) -> Result<(), JournalError> {
        if self.spare.is_none() {
            self.spare = Some(Segment::allocate(&files::spare_path(&self.dir), self.segment_bytes)?);
        }
        Ok(())
    }

    /// The files to make durable, and the last record that is durable when all of them are.
    pub fn unsynced(&mut self) -> (Vec<Arc<File>>, u64) {
        let mut files = std::mem::take(&mut self.dirty);
        let current = self.current.file();
        if !files.iter().any(|file| Arc::ptr_eq(file, &current)) {
            files.push(current);
        }
        (files, self.seq)
    }

    /// The last record that [`Journal::retire`] would remove; 0 where there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn expired(&self, seq: u64, keep: Duration) -> Result<u64, JournalError> {
        Ok(self.old(seq, keep)?.last().map_or(0, |(_, last_seq)| *last_seq))
    }

    /// Removes what is ingested up to `seq` and older than `keep`, or more than `SEGMENTS_KEPT` files; never the file
    /// in use.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn retire(&mut self, seq: u64, keep: Duration) -> Result<(), JournalError> {
        for (path, _) in self.old(seq, keep)? {
            fs::remove_file(&path)?;
            self.segments = self.segments.saturating_sub(1);
        }
        Ok(())
    }

    /// The files that may go, each with its last record: from the first on and without a gap, whatever a clock that
    /// was changed says of their ages.
    fn old(&self, seq: u64, keep: Duration) -> Result<Vec<(PathBuf, u64)>, JournalError> {
        let found = files::list(&self.dir)?;
        let mut old = Vec::new();
        for (index, pair) in found.windows(2).enumerate() {
            let [file, next] = pair else { break };
            let last_seq = next.header.first_seq.saturating_sub(1);
            let age = fs::metadata(&file.path)?.modified()?.elapsed().unwrap_or_default();
            let many = found.len() - index > SEGMENTS_KEPT;
            if last_seq > seq || (age < keep && !many) {
                break;
            }
            old.push((file.path.clone(), last_seq));
        }
        Ok(old)
    }

    /// A reader of what this journal holds, from record `after + 1` on.
    ///
    /// # Errors
    /// When that record is not there any more, or the disk fails.
    pub fn reader(&self, after: u64) -> Result<Reader, JournalError> {
        Reader::open(&self.dir, after)
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        self.prepare()?;
        let Some(mut next) = self.spare.take() else { return Err(JournalError::Full) };
        let header = Header { journal_id: self.id, first_seq: self.seq + 1, before: self.link };
        next.begin(&header, &files::segment_path(&self.dir, self.seq + 1))?;
        self.dirty.push(self.current.file());
        self.dirty.push(next.file());
        self.current = next;
        self.segments += 1;
        sync_dir(&self.dir)?;
        Ok(())
    }
}

fn follows(segment: &files::Found, expected: u64) -> Result<(), JournalError> {
    let found = segment.header.first_seq;
    if found == expected {
        return Ok(());
    }
    Err(JournalError::Gap { path: segment.path.clone(), expected, found })
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::Locked(dir.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file's name is durable only once its directory is.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
