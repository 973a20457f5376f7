//! One file of the journal: preallocated, so that a full disk is an error when it is made and never later.

use std::{
    fs::{File, OpenOptions},
    io,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::JournalId;
use memmap2::{Advice, MmapMut};
use rustix::fs::{Advice as FileAdvice, fadvise};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::disk::{self, Disk};
use crate::chain::{self, Link};

const MAGIC: &[u8; 8] = b"VLJRNL01";
const FIELDS_BYTES: usize = 64;
/// Where the first frame stands.
pub(super) const HEADER_BYTES: usize = FIELDS_BYTES + 32;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) journal_id: JournalId,
    /// The number of its first record.
    pub(super) first_seq: u64,
    /// The link before its first record.
    pub(super) before: Link,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(self.journal_id.0.as_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[32..FIELDS_BYTES].copy_from_slice(&self.before.0);
        let sum = Sha256::digest(&bytes[..FIELDS_BYTES]);
        bytes[FIELDS_BYTES..].copy_from_slice(&sum);
        bytes
    }

    /// `None` where the file was never begun, or its header is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let fields: &[u8; FIELDS_BYTES] = bytes.first_chunk()?;
        let sum = Sha256::digest(fields);
        if bytes.get(FIELDS_BYTES..HEADER_BYTES)? != sum.as_slice() || &fields[..8] != MAGIC {
            return None;
        }
        Some(Self {
            journal_id: JournalId(Uuid::from_slice(&fields[8..24]).ok()?),
            first_seq: u64::from_le_bytes(*fields[24..].first_chunk()?),
            before: Link(*fields[32..].first_chunk()?),
        })
    }
}

/// So much of a mapping is made ready at a time: a page that is first met by a write costs that write several times what
/// it costs among its neighbours. Few enough that nobody waits, and that little is resident which is not used.
const READY_BYTES: usize = 64 * 1024;

/// How bytes get into the file. Both outlive the process that wrote them.
enum Medium {
    /// A copy into the page cache, without a system call.
    Mapped { map: MmapMut, ready: usize },
    /// One `pwrite` per batch, where a mapping could fault on a full disk.
    Written,
}

/// A segment that is open for writing.
pub(super) struct Segment {
    disk: Arc<dyn Disk>,
    file: Arc<File>,
    path: PathBuf,
    medium: Medium,
    capacity: usize,
    /// Where the next frame goes.
    length: usize,
}

impl Segment {
    /// A new file of `capacity` bytes, all of them allocated and nothing.
    pub(super) fn allocate(disk: &Arc<dyn Disk>, path: &Path, capacity: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        disk.allocate(&file, capacity)?;
        Self::over(disk, file, path, capacity, HEADER_BYTES)
    }

    /// An existing file, to go on at `length`.
    pub(super) fn reopen(
        disk: &Arc<dyn Disk>,
        path: &Path,
        length: usize,
        capacity: usize,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let capacity = capacity.max(usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?);
        disk.allocate(&file, capacity)?;
        Self::over(disk, file, path, capacity, length)
    }

    fn over(
        disk: &Arc<dyn Disk>,
        file: File,
        path: &Path,
        capacity: usize,
        length: usize,
    ) -> io::Result<Self> {
        let medium = if disk.maps(&file) { Medium::mapped(&file)? } else { Medium::Written };
        let (disk, file) = (Arc::clone(disk), Arc::new(file));
        Ok(Self { disk, file, path: path.to_owned(), medium, capacity, length })
    }

    /// Wipes what stands after the last record, so that none of it can be taken for one.
    pub(super) fn wipe_rest(&self) -> io::Result<()> {
        disk::zero(&*self.disk, &self.file, self.length as u64, self.capacity)
    }

    /// Gives a freshly allocated file its place in the journal.
    pub(super) fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.put(0, &header.encode())
    }

    /// Gives a file that has begun its name.
    pub(super) fn name(&mut self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        path.clone_into(&mut self.path);
        Ok(())
    }

    /// Whether so many bytes of frames still fit.
    pub(super) const fn fits(&self, frames: usize) -> bool {
        self.length + frames <= self.capacity
    }

    /// Writes a batch of frames; the caller has checked that they fit.
    pub(super) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.put(self.length, frames)?;
        self.length += frames.len();
        Ok(())
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        match &mut self.medium {
            Medium::Mapped { map, ready } => {
                let end = offset + bytes.len();
                let target = map.get_mut(offset..end).ok_or(io::ErrorKind::StorageFull)?;
                chain::copy(target, bytes);
                if end + READY_BYTES / 4 > *ready {
                    *ready = make_ready(map, end);
                }
                Ok(())
            }
            Medium::Written => self.disk.write(&self.file, bytes, offset),
        }
    }

    /// Has the file's pages in the page cache: they are nothing yet, and that too has to be written into each.
    pub(super) fn fetch(&self) {
        // A file system that knows no such advice makes each as it is met.
        let _ = fadvise(&*self.file, 0, NonZero::new(self.capacity as u64), FileAdvice::WillNeed);
    }

    /// The file, to be made durable apart from the writing.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Medium {
    fn mapped(file: &File) -> io::Result<Self> {
        Ok(Self::Mapped { map: map(file)?, ready: 0 })
    }
}

/// Has the pages after `from` at hand, and says how far. A kernel that knows no such advice makes each as it is met.
fn make_ready(map: &MmapMut, from: usize) -> usize {
    let end = (from + READY_BYTES).min(map.len());
    if end > from {
        let _ = map.advise_range(Advice::PopulateWrite, from, end - from);
    }
    end
}

#[expect(unsafe_code, reason = "the one place that maps the journal")]
fn map(file: &File) -> io::Result<MmapMut> {
    // SAFETY: the file belongs to this process alone (the directory is locked), it was allocated to its full length
    // and is never shortened; the reader of the journal reads through the file, not through this mapping.
    unsafe { MmapMut::map_mut(file) }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES, Header, Link};
    use crate::fixtures::JOURNAL;

    #[test]
    fn a_header_is_read_as_it_was_written_and_damage_shows() {
        let header = Header { journal_id: JOURNAL, first_seq: 42, before: Link([5; 32]) };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        for index in 0..HEADER_BYTES {
            let mut damaged = bytes;
            damaged[index] ^= 1;
            assert_eq!(Header::decode(&damaged), None, "byte {index}");
        }
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), None);
    }
}
