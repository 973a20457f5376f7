//! Reading a journal while it is written: through the file, without its writer's lock.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use domain::JournalId;

use super::{JournalError, files, segment::HEADER_BYTES};
use crate::chain::{self, Link, Place};

/// One record as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// Its number, from 1.
    pub seq: u64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Its link in the chain.
    pub link: Link,
}

/// A place in a journal.
pub struct Reader {
    dir: PathBuf,
    file: File,
    path: PathBuf,
    offset: usize,
    seq: u64,
    link: Link,
}

impl Reader {
    /// In front of the first record that the journal in `dir` still has, whoever writes it; `None` where there is no
    /// journal.
    ///
    /// # Errors
    /// When the disk fails, or the journal is damaged.
    pub fn first(dir: &Path) -> Result<Option<(JournalId, Self)>, JournalError> {
        let found = match files::list(dir) {
            Err(JournalError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let Some(first) = found.first() else { return Ok(None) };
        Ok(Some((first.header.journal_id, Self::at(dir, first)?)))
    }

    fn at(dir: &Path, segment: &files::Found) -> Result<Self, JournalError> {
        Ok(Self {
            dir: dir.to_owned(),
            file: File::open(&segment.path)?,
            path: segment.path.clone(),
            offset: HEADER_BYTES,
            seq: segment.header.first_seq.saturating_sub(1),
            link: segment.header.before,
        })
    }

    pub(super) fn open(dir: &Path, after: u64) -> Result<Self, JournalError> {
        let found = files::list(dir)?;
        let at = found.iter().rposition(|segment| segment.header.first_seq <= after + 1);
        let Some(segment) = at.and_then(|at| found.get(at)) else {
            let path = found.first().map_or_else(|| dir.to_owned(), |first| first.path.clone());
            let found = found.first().map_or(0, |first| first.header.first_seq);
            return Err(JournalError::Gap { path, expected: after + 1, found });
        };
        let mut reader = Self::at(dir, segment)?;
        while reader.seq < after {
            if reader.next(after)?.is_none() {
                break;
            }
        }
        Ok(reader)
    }

    /// The last record that was read.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Its link.
    pub const fn link(&self) -> Link {
        self.link
    }

    /// The next record, if it is not above `until`.
    ///
    /// # Errors
    /// When the disk fails, or what stands there does not continue the chain.
    pub fn next(&mut self, until: u64) -> Result<Option<Framed>, JournalError> {
        if self.seq >= until {
            return Ok(None);
        }
        if let Some(framed) = self.next_here()? {
            return Ok(Some(framed));
        }
        // The record is there, for it is not above `until`: so it stands in the next file.
        let path = files::segment_path(&self.dir, self.seq + 1);
        self.file = File::open(&path)?;
        self.path = path;
        self.offset = HEADER_BYTES;
        self.next_here()
    }

    fn next_here(&mut self) -> Result<Option<Framed>, JournalError> {
        let mut bytes = vec![0; 4];
        if read_some(&self.file, &mut bytes, self.offset)? < 4 {
            return Ok(None);
        }
        let length = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        bytes.resize(chain::frame_bytes(length.min(chain::PAYLOAD_BYTES_MAX)), 0);
        let read = read_some(&self.file, &mut bytes, self.offset)?;
        bytes.truncate(read);
        match chain::read(&bytes, &self.link) {
            Place::End => Ok(None),
            Place::Broken => Err(JournalError::Corrupt { path: self.path.clone(), offset: self.offset }),
            Place::Frame { payload, link } => {
                let framed = Framed { seq: self.seq + 1, payload: payload.to_owned(), link };
                self.offset += chain::frame_bytes(framed.payload.len());
                self.seq += 1;
                self.link = link;
                Ok(Some(framed))
            }
        }
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
