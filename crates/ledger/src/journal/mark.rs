//! What a journal says of itself beside its records: how much of it is durable, and how much the ledger has.
//!
//! It is written after a sync and never synced itself: an old one claims less, and that is never wrong. From it the
//! next start tells a tail that a power loss tore from damage to what was durable.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use domain::JournalId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{chain::Link, port::Cursor};

const MAGIC: &[u8; 8] = b"VLMARK01";
const FIELDS_BYTES: usize = 88;
const BYTES: usize = FIELDS_BYTES + 32;

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) journal_id: JournalId,
    /// The last record that is durable.
    pub(super) durable: Cursor,
    /// The last record that the ledger has.
    pub(super) home_seq: u64,
    /// Which ledger that was; nil where none has answered yet.
    pub(super) log_id: Uuid,
}

impl Said {
    /// Of a journal without records.
    pub(super) fn nothing(journal_id: JournalId) -> Self {
        Self { journal_id, durable: Cursor::default(), home_seq: 0, log_id: Uuid::nil() }
    }

    fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(self.journal_id.0.as_bytes());
        bytes[24..32].copy_from_slice(&self.durable.seq.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.durable.link.0);
        bytes[64..72].copy_from_slice(&self.home_seq.to_le_bytes());
        bytes[72..FIELDS_BYTES].copy_from_slice(self.log_id.as_bytes());
        let sum = Sha256::digest(&bytes[..FIELDS_BYTES]);
        bytes[FIELDS_BYTES..].copy_from_slice(&sum);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let fields: &[u8; FIELDS_BYTES] = bytes.first_chunk()?;
        if bytes[FIELDS_BYTES..] != *Sha256::digest(fields) || !fields.starts_with(MAGIC) {
            return None;
        }
        Some(Self {
            journal_id: JournalId(Uuid::from_slice(&fields[8..24]).ok()?),
            durable: Cursor {
                seq: u64::from_le_bytes(*fields[24..].first_chunk()?),
                link: Link(*fields[32..].first_chunk()?),
            },
            home_seq: u64::from_le_bytes(*fields[64..].first_chunk()?),
            log_id: Uuid::from_slice(&fields[72..]).ok()?,
        })
    }
}

/// The file that says it.
pub(super) struct Mark {
    file: File,
    pub(super) said: Said,
}

impl Mark {
    /// Makes it, or goes on with what is there.
    pub(super) fn create(dir: &Path, said: Said) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path(dir))?;
        let mark = Self { file, said };
        mark.save()?;
        mark.file.sync_data()?;
        Ok(mark)
    }

    /// Writes down what it says now.
    pub(super) fn save(&self) -> io::Result<()> {
        self.file.write_all_at(&self.said.encode(), 0)
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("mark")
}

/// What a mark says; `None` where there is none that can be read.
pub(super) fn read(dir: &Path) -> io::Result<Option<Said>> {
    match std::fs::read(path(dir)) {
        Ok(bytes) => Ok(Said::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Cursor, Link, Said, Uuid};
    use crate::fixtures::JOURNAL;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_damage_shows() {
        let durable = Cursor { seq: 42, link: Link([5; 32]) };
        let said = Said { journal_id: JOURNAL, durable, home_seq: 7, log_id: Uuid::from_u128(9) };
        let bytes = said.encode();
        assert_eq!(Said::decode(&bytes), Some(said));
        for index in 0..BYTES {
            let mut damaged = bytes;
            damaged[index] ^= 1;
            assert_eq!(Said::decode(&damaged), None, "byte {index}");
            assert_eq!(Said::decode(&bytes[..index]), None, "{index} bytes");
        }
    }
}
