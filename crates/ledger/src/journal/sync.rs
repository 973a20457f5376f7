//! Making a journal durable, and what is done when a disk does not keep what it was given.
//!
//! After a failed sync a disk may say of the same pages that all is well and have lost them: so everything since the
//! last good sync is kept here, and written again into the next file. What the old file holds of it counts no more.

use std::{fs, io, path::PathBuf, sync::Arc};

use domain::JournalId;

use super::{
    Journal, JournalError,
    disk::Disk,
    files,
    segment::{HEADER_BYTES, Header, Segment},
    spares,
};
use crate::port::Cursor;

/// The most bytes that may wait for a sync. Beyond them no reservation is taken.
const UNSYNCED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What was written since the last good sync.
pub(super) struct Tail {
    /// The last record that is durable.
    pub(super) durable: Cursor,
    /// Every frame after it.
    pub(super) frames: Vec<u8>,
    /// Files that were written to.
    pub(super) dirty: Vec<Arc<fs::File>>,
    /// Whether files were given or lost their names.
    pub(super) names: bool,
    /// How often it moved to the next file: a sync that began before says nothing of what came after.
    moves: u64,
    /// Whether the files may lack some of it.
    pub(super) distrusted: bool,
}

impl Tail {
    pub(super) const fn after(durable: Cursor) -> Self {
        Self { durable, frames: Vec::new(), dirty: Vec::new(), names: false, moves: 0, distrusted: false }
    }

    /// Whether more may wait for a sync.
    pub(super) fn admits(&self) -> Result<(), JournalError> {
        if self.distrusted {
            return Err(JournalError::Distrusted);
        }
        let waiting = self.frames.len();
        if waiting < UNSYNCED_BYTES_MAX { Ok(()) } else { Err(JournalError::Behind { bytes: waiting }) }
    }
}

/// A sync that has begun. It runs apart from the writing.
pub struct Sync {
    journal_id: JournalId,
    disk: Arc<dyn Disk>,
    files: Vec<Arc<fs::File>>,
    names: Option<PathBuf>,
    until: Cursor,
    bytes: usize,
    moves: u64,
}

impl Sync {
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn run(&self) -> io::Result<()> {
        self.files.iter().try_for_each(|file| self.disk.sync(file))?;
        self.names.iter().try_for_each(|dir| self.disk.sync_names(dir))
    }
}

impl Journal {
    /// The last record that is durable.
    pub(crate) const fn durable(&self) -> Cursor {
        self.tail.durable
    }

    /// Whether every record is durable.
    pub(crate) const fn is_durable(&self) -> bool {
        self.tail.durable.seq == self.end.seq && !self.tail.distrusted
    }

    /// Begins to make all of it durable. Only one at a time: a disk tells of a failure once.
    ///
    /// # Errors
    /// When what a disk did not keep cannot be written again.
    pub fn begin_sync(&mut self) -> Result<Sync, JournalError> {
        if self.tail.distrusted {
            self.move_on()?;
        }
        let mut files = std::mem::take(&mut self.tail.dirty);
        let current = self.current.file();
        if !files.iter().any(|file| Arc::ptr_eq(file, &current)) {
            files.push(current);
        }
        Ok(Sync {
            journal_id: self.id,
            disk: Arc::clone(&self.disk),
            files,
            names: std::mem::take(&mut self.tail.names).then(|| self.dir.clone()),
            until: self.end,
            bytes: self.tail.frames.len(),
            moves: self.tail.moves,
        })
    }

    /// Takes in what came of it.
    ///
    /// # Errors
    /// When the disk failed.
    pub fn end_sync(&mut self, sync: &Sync, done: io::Result<()>) -> Result<(), JournalError> {
        if (sync.journal_id, sync.moves) != (self.id, self.tail.moves) {
            // What it was about stands in another file now, which the next sync is about.
            return Ok(done?);
        }
        if let Err(error) = done {
            tracing::error!(
                journal_id = %self.id, %error, after = self.tail.durable.seq, until = self.end.seq,
                "the disk did not keep the journal's records; they are written again into the next file"
            );
            self.tail.distrusted = true;
            self.move_on()?;
            return Err(error.into());
        }
        self.tail.durable = sync.until;
        self.tail.frames.drain(..sync.bytes);
        self.mark.said.durable = sync.until;
        if let Err(error) = self.mark.save() {
            tracing::warn!(journal_id = %self.id, %error, "the journal's mark is not written; it says less than it could");
        }
        Ok(())
    }

    /// Makes everything durable at once, before anybody else is there.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        let sync = self.begin_sync()?;
        let done = sync.run();
        self.end_sync(&sync, done)
    }

    /// Writes everything since the last good sync into the next file, which is allocated already. Files that hold
    /// nothing else go; of the one before, the rest is read no more, since the next one says where it begins.
    pub(super) fn move_on(&mut self) -> Result<(), JournalError> {
        self.tail.distrusted = true;
        let Cursor { seq, link } = self.tail.durable;
        let first_seq = seq + 1;
        let bytes = HEADER_BYTES + self.tail.frames.len();
        let mut next = match self.spares.take().filter(|spare| spare.fits(self.tail.frames.len())) {
            Some(spare) => spare,
            None => {
                Segment::allocate(&self.disk, &spares::path(&self.dir), bytes.max(self.limits.segment_bytes))?
            }
        };
        next.begin(&Header { journal_id: self.id, first_seq, before: link })?;
        next.write(&self.tail.frames)?;
        next.name(&files::segment_path(&self.dir, first_seq))?;
        while let Some(last) = self.firsts.pop_back_if(|last| *last >= first_seq) {
            if last > first_seq {
                fs::remove_file(files::segment_path(&self.dir, last))?;
            }
        }
        self.firsts.push_back(first_seq);
        self.tail.dirty = vec![next.file()];
        self.tail.names = true;
        self.tail.moves += 1;
        self.tail.distrusted = false;
        self.current = next;
        Ok(())
    }
}
