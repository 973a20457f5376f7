//! Reading a journal while it is written: through the file, without its writer's lock.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use domain::JournalId;

use super::{JournalError, files, segment::HEADER_BYTES};
use crate::{
    chain::{self, Place},
    port::Cursor,
};

/// One record as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// Its number, from 1.
    pub seq: u64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Its link in the chain.
    pub link: chain::Link,
}

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A place in a journal.
pub struct Reader {
    dir: PathBuf,
    file: File,
    path: PathBuf,
    offset: usize,
    at: Cursor,
    ahead: Ahead,
}

/// What was read of the file beyond the place.
#[derive(Default)]
struct Ahead {
    bytes: Vec<u8>,
    /// Where in it the place is.
    start: usize,
    /// The last record that was there for good when it was read: what is behind that one may have changed since.
    until: u64,
}

impl Ahead {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Reader {
    /// In front of the first record that the journal in `dir` still has, whoever writes it; `None` where there is no
    /// journal.
    ///
    /// # Errors
    /// When the disk fails, or the journal is damaged.
    pub fn first(dir: &Path) -> Result<Option<(JournalId, Self)>, JournalError> {
        let found = match files::list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let Some(first) = found.first() else { return Ok(None) };
        let Some((header, before)) = first.header.zip(first.before()) else {
            // The first file of a journal that was never begun has nothing to read.
            let (path, record) = (first.path.clone(), first.first_seq);
            let begun = found.len() > 1;
            return if begun { Err(JournalError::Corrupt { path, offset: 0, record }) } else { Ok(None) };
        };
        Ok(Some((header.journal_id, Self::begin(dir, first, before)?)))
    }

    fn begin(dir: &Path, segment: &files::Found, before: Cursor) -> io::Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            file: File::open(&segment.path)?,
            path: segment.path.clone(),
            offset: HEADER_BYTES,
            at: before,
            ahead: Ahead::default(),
        })
    }

    pub(super) fn open(dir: &Path, after: u64) -> Result<Self, JournalError> {
        let found = files::list(dir)?;
        let segment = found.iter().rfind(|segment| segment.first_seq <= after.saturating_add(1));
        let Some((segment, before)) = segment.and_then(|segment| Some((segment, segment.before()?))) else {
            let record = after.saturating_add(1);
            return Err(JournalError::Gap { path: files::segment_path(dir, record), record });
        };
        let mut reader = Self::begin(dir, segment, before)?;
        while reader.at.seq < after && reader.next(after)?.is_some() {}
        Ok(reader)
    }

    /// The last record that was read.
    pub const fn at(&self) -> Cursor {
        self.at
    }

    /// The next record, if it is not above `until`; the journal has it then.
    ///
    /// # Errors
    /// When the disk fails, or what stands there does not continue the chain.
    pub fn next(&mut self, until: u64) -> Result<Option<Framed>, JournalError> {
        if self.at.seq >= until {
            // A reader that waits holds nothing.
            self.ahead = Ahead::default();
            return Ok(None);
        }
        if let Some(framed) = self.next_here(until)? {
            return Ok(Some(framed));
        }
        // It stands in a later file, however this one ends: what did not become durable was written again there.
        let later = Self::open(&self.dir, self.at.seq)?;
        if later.path != self.path && later.at == self.at {
            *self = later;
            if let Some(framed) = self.next_here(until)? {
                return Ok(Some(framed));
            }
        }
        let record = self.at.seq + 1;
        Err(if self.ends_here()? {
            JournalError::Gap { path: files::segment_path(&self.dir, record), record }
        } else {
            JournalError::Corrupt { path: self.path.clone(), offset: self.offset, record }
        })
    }

    /// Whether nothing more was written to this file.
    fn ends_here(&self) -> io::Result<bool> {
        let mut length = [0; 4];
        Ok(read_some(&self.file, &mut length, self.offset)? < length.len() || length == [0; 4])
    }

    /// `None` where something else stands.
    fn next_here(&mut self, until: u64) -> io::Result<Option<Framed>> {
        let known = if self.at.seq < self.ahead.until { self.frame() } else { None };
        if known.is_some() {
            return Ok(known);
        }
        self.look_ahead(CHUNK_BYTES, until)?;
        let bytes = self.ahead.rest().first_chunk().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
        let frame_bytes = chain::frame_bytes(bytes.min(chain::PAYLOAD_BYTES_MAX));
        if frame_bytes > CHUNK_BYTES {
            self.look_ahead(frame_bytes, until)?;
        }
        Ok(self.frame())
    }

    /// Reads so many bytes, or as many as the file has.
    fn look_ahead(&mut self, bytes: usize, until: u64) -> io::Result<()> {
        self.ahead.bytes.resize(bytes, 0);
        let read = read_some(&self.file, &mut self.ahead.bytes, self.offset)?;
        self.ahead.bytes.truncate(read);
        (self.ahead.start, self.ahead.until) = (0, until);
        Ok(())
    }

    /// The frame that stands at the place, of what was read.
    fn frame(&mut self) -> Option<Framed> {
        let Place::Frame { payload, link } = chain::read(self.ahead.rest(), &self.at.link) else {
            return None;
        };
        let framed = Framed { seq: self.at.seq + 1, payload: payload.to_owned(), link };
        let bytes = chain::frame_bytes(framed.payload.len());
        self.offset += bytes;
        self.ahead.start += bytes;
        self.at = Cursor { seq: framed.seq, link };
        Some(framed)
    }
}

/// Reads until `target` is full or the file ends.
fn read_some(file: &File, target: &mut [u8], offset: usize) -> io::Result<usize> {
    let mut filled = 0;
    while filled < target.len() {
        match file.read_at(&mut target[filled..], (offset + filled) as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
