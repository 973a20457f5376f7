//! The journal: what a node did with money, on its own disk, before anyone else knows.
//!
//! Append-only, hash-chained, one per data directory and locked. Records are copied into a preallocated file:
//! that outlives the process; a background task makes them durable against power loss (`fdatasync`) and only
//! what is durable is ingested. Writing a record wakes no thread.

mod anew;
mod disk;
mod error;
mod files;
mod mark;
mod open;
mod reader;
mod retire;
mod segment;
mod spares;
mod sync;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fs::File, io, path::PathBuf, sync::Arc};

use domain::JournalId;
use eventlog::fault::{Point, hit};
use uuid::Uuid;

pub(crate) use self::disk::{Disk, LocalDisk};
pub use self::{
    error::JournalError,
    reader::{Framed, Reader},
    sync::Sync,
};
use self::{
    mark::Mark,
    segment::{Header, Segment},
    spares::{Spare, Spares, Wanted},
    sync::Tail,
};
use crate::{
    chain::{self, PAYLOAD_BYTES_MAX},
    port::Cursor,
    record::Record,
};

/// How large one file is, in bytes.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// How much may wait to be ingested where nothing else is said, in bytes: 1 GiB.
pub const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// With fewer files than these nothing could be kept beside the one in use.
const SEGMENTS_MIN: usize = 4;

/// The largest reservation, in bytes: its settlement says all of it again, and what came of it beside.
const RESERVE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX / 2;

/// How a journal is opened.
#[derive(Clone)]
pub struct JournalOptions {
    pub(crate) dir: PathBuf,
    /// What one is called that begins.
    pub(crate) new_id: JournalId,
    /// Names the kernel's boot.
    pub(crate) boot_id: String,
    pub(crate) segment_bytes: usize,
    pub(crate) bytes_max: u64,
    pub(crate) disk: Arc<dyn Disk>,
}

impl JournalOptions {
    /// With files of the usual size, on the machine's own disk.
    pub fn new(dir: PathBuf, new_id: JournalId, boot_id: String) -> Self {
        let disk = Arc::new(LocalDisk);
        Self { dir, new_id, boot_id, segment_bytes: SEGMENT_BYTES, bytes_max: BYTES_MAX, disk }
    }
}

#[derive(Clone, Copy)]
struct Limits {
    segment_bytes: usize,
    bytes_max: u64,
    segments_max: usize,
}

impl Limits {
    fn of(options: &JournalOptions) -> Self {
        let JournalOptions { segment_bytes, bytes_max, .. } = *options;
        let segments = bytes_max / (segment_bytes as u64).max(1);
        let segments_max = usize::try_from(segments).unwrap_or(usize::MAX).max(SEGMENTS_MIN);
        Self { segment_bytes, bytes_max, segments_max }
    }
}

/// A journal that is open for writing.
pub struct Journal {
    dir: PathBuf,
    id: JournalId,
    limits: Limits,
    disk: Arc<dyn Disk>,
    current: Segment,
    spares: Spares,
    /// The first record of every file, in order.
    firsts: VecDeque<u64>,
    /// The last record.
    end: Cursor,
    tail: Tail,
    mark: Mark,
    /// The last record that was durable once, where it is not there any more.
    lost: Option<u64>,
    lock: Arc<File>,
}

/// Frames that wait to be written together.
struct Batch {
    /// Where they begin in the tail.
    start: usize,
    end: Cursor,
    records: usize,
}

impl Journal {
    /// Which journal this is.
    pub const fn id(&self) -> JournalId {
        self.id
    }

    /// The last record's number; 0 when there is none.
    pub const fn seq(&self) -> u64 {
        self.end.seq
    }

    /// The first record's number that is still there, or would be.
    pub(crate) fn first_seq(&self) -> u64 {
        self.firsts.front().copied().unwrap_or(1)
    }

    /// The last record that was durable and is not there any more: the files were put back to where they were.
    pub(crate) const fn lost(&self) -> Option<u64> {
        self.lost
    }

    /// How much of it the ledger had when that was written down last, and which ledger that was.
    pub(crate) const fn home(&self) -> (u64, Uuid) {
        (self.mark.said.home_seq, self.mark.said.log_id)
    }

    /// The ledger has it up to `seq`. It is written down with the next sync.
    pub(crate) const fn came_home(&mut self, seq: u64, log_id: Uuid) {
        self.mark.said.home_seq = seq;
        self.mark.said.log_id = log_id;
    }

    /// Appends one record; it outlives the process when this returns.
    ///
    /// # Errors
    /// When it cannot be encoded or the disk fails; nothing was appended then.
    pub fn append(&mut self, record: &Record) -> Result<u64, JournalError> {
        let (_, appended) = self.append_all([record]);
        appended.map(|()| self.seq())
    }

    /// Appends records in order and in as few writes as it takes; answers how many were, and why no more.
    pub(crate) fn append_all<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> (usize, Result<(), JournalError>) {
        let mut written = 0;
        let mut batch = self.batch();
        let gathered = records.into_iter().try_for_each(|record| {
            let payload = payload(record)?;
            let bytes = self.tail.frames.len() - batch.start + chain::frame_bytes(payload.len());
            if !self.current.fits(bytes) {
                let full = std::mem::replace(&mut batch, self.batch());
                written += self.write(&full)?;
                batch = self.batch();
                self.rotate()?;
            }
            let link = batch.end.link.next(&payload);
            chain::push(&mut self.tail.frames, &payload, &link);
            batch.end = Cursor { seq: batch.end.seq + 1, link };
            batch.records += 1;
            Ok(())
        });
        match self.write(&batch) {
            Ok(records) => (written + records, gathered),
            Err(error) => (written, Err(error)),
        }
    }

    fn batch(&self) -> Batch {
        Batch { start: self.tail.frames.len(), end: self.end, records: 0 }
    }

    /// Writes a batch into the file in use; where that fails, into the next one.
    fn write(&mut self, batch: &Batch) -> Result<usize, JournalError> {
        if batch.records == 0 {
            return Ok(0);
        }
        let frames = self.tail.frames.get(batch.start..).unwrap_or_default();
        if let Err(error) = self.current.write(frames) {
            tracing::error!(journal_id = %self.id, %error, "the journal's file takes no more; going on in the next");
            if let Err(error) = self.move_on() {
                self.tail.frames.truncate(batch.start);
                return Err(error);
            }
        }
        self.end = batch.end;
        Ok(batch.records)
    }

    /// What its files take on the disk, and the most that they may, in bytes.
    pub fn bytes(&self) -> (u64, u64) {
        let files = self.firsts.len() + self.spares.count();
        ((files as u64).saturating_mul(self.limits.segment_bytes as u64), self.limits.bytes_max)
    }

    /// Whether a new reservation may be taken: what is reserved must be possible to settle.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self) -> Result<(), JournalError> {
        if self.firsts.len() >= self.limits.segments_max {
            return Err(JournalError::Full { bytes_max: self.limits.bytes_max });
        }
        self.tail.admits()?;
        if self.spares.is_ready() { Ok(()) } else { Err(JournalError::Io(io::ErrorKind::StorageFull.into())) }
    }

    /// Allocates the next file ahead of need. Called apart from the writing of records.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn prepare(&mut self) -> Result<(), JournalError> {
        Ok(self.spares.prepare(&self.disk, &self.dir, self.limits.segment_bytes)?)
    }

    /// What is to be allocated by whoever has the time, so that whoever writes has it at hand.
    pub(crate) fn wants_spare(&self) -> Option<Wanted> {
        self.spares.wanted(&self.disk, &self.dir, self.limits.segment_bytes)
    }

    /// Takes in what was allocated for it.
    pub(crate) fn keep_spare(&mut self, spare: Spare) {
        self.spares.keep(spare);
    }

    /// A reader of what this journal holds, from record `after + 1` on.
    ///
    /// # Errors
    /// When that record is not there any more, or the disk fails.
    pub fn reader(&self, after: u64) -> Result<Reader, JournalError> {
        Reader::open(&self.dir, after)
    }

    /// Goes on in the next file. Its name becomes durable with the next sync.
    fn rotate(&mut self) -> Result<(), JournalError> {
        self.prepare()?;
        let Some(mut next) = self.spares.take() else {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        };
        let first_seq = self.seq() + 1;
        next.begin(&Header { journal_id: self.id, first_seq, before: self.end.link })?;
        next.name(&files::segment_path(&self.dir, first_seq))?;
        self.tail.dirty.extend([self.current.file(), next.file()]);
        self.tail.names = true;
        self.firsts.push_back(first_seq);
        self.current = next;
        hit(Point::DuringRotation);
        Ok(())
    }
}

fn payload(record: &Record) -> Result<Vec<u8>, JournalError> {
    let payload = record.encode()?;
    let bytes_max = if matches!(record, Record::Reserve(_)) { RESERVE_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
    if payload.len() > bytes_max {
        return Err(JournalError::TooLarge { bytes: payload.len(), bytes_max });
    }
    Ok(payload)
}
