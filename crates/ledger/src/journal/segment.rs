//! One file of the journal: preallocated, so that a full disk is an error when it is made and never later.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::JournalId;
use memmap2::MmapMut;
use sha2::{Digest, Sha256};
use uuid::Uuid;

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

/// How bytes get into the file. Both outlive the process that wrote them.
enum Medium {
    /// A copy into the page cache, without a system call.
    Mapped(MmapMut),
    /// One `pwrite` per record, where a mapping could fault on a full disk.
    Written,
}

/// A segment that is open for writing.
pub(super) struct Segment {
    file: Arc<File>,
    path: PathBuf,
    medium: Medium,
    capacity: usize,
    /// Where the next frame goes.
    length: usize,
}

impl Segment {
    /// A new file of `capacity` bytes, all of them allocated and nothing.
    pub(super) fn allocate(path: &Path, capacity: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, capacity as u64)?;
        Self::over(file, path, capacity, 0)
    }

    /// An existing file, to go on at `length`.
    pub(super) fn reopen(path: &Path, length: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let capacity = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // A torn tail is wiped, so that nothing after the last whole record can be taken for one.
        let zeros = vec![0; 64 * 1024];
        for start in (length..capacity).step_by(zeros.len()) {
            file.write_all_at(&zeros[..zeros.len().min(capacity - start)], start as u64)?;
        }
        Self::over(file, path, capacity, length)
    }

    fn over(file: File, path: &Path, capacity: usize, length: usize) -> io::Result<Self> {
        let medium = if maps_safely(&file) { Medium::Mapped(map(&file)?) } else { Medium::Written };
        Ok(Self { file: Arc::new(file), path: path.to_owned(), medium, capacity, length })
    }

    /// Gives a freshly allocated file its place in the journal and its name.
    pub(super) fn begin(&mut self, header: &Header, path: &Path) -> io::Result<()> {
        self.put(0, &header.encode())?;
        std::fs::rename(&self.path, path)?;
        path.clone_into(&mut self.path);
        self.length = HEADER_BYTES;
        Ok(())
    }

    /// Whether a payload of so many bytes still fits.
    pub(super) fn fits(&self, payload: usize) -> bool {
        self.length + chain::frame_bytes(payload) <= self.capacity
    }

    /// Writes one frame; the caller has checked that it fits.
    pub(super) fn append(&mut self, payload: &[u8], link: &Link) -> io::Result<()> {
        let bytes = chain::frame_bytes(payload.len());
        match &mut self.medium {
            Medium::Mapped(map) => {
                let target =
                    map.get_mut(self.length..self.length + bytes).ok_or(io::ErrorKind::StorageFull)?;
                chain::write(target, payload, link);
            }
            Medium::Written => {
                let mut frame = vec![0; bytes];
                chain::write(&mut frame, payload, link);
                self.file.write_all_at(&frame, self.length as u64)?;
            }
        }
        self.length += bytes;
        Ok(())
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        match &mut self.medium {
            Medium::Mapped(map) => {
                let target = map.get_mut(offset..offset + bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                target.copy_from_slice(bytes);
                Ok(())
            }
            Medium::Written => self.file.write_all_at(bytes, offset as u64),
        }
    }

    /// The file, to be made durable apart from the writing.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// File systems on which the pages of an allocated file can always be written: there a mapping never faults.
fn maps_safely(file: &File) -> bool {
    const EXT4: u64 = 0xEF53;
    const XFS: u64 = 0x5846_5342;
    const TMPFS: u64 = 0x0102_1994;
    rustix::fs::fstatfs(file).is_ok_and(|stat| [EXT4, XFS, TMPFS].contains(&(stat.f_type.cast_unsigned())))
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
