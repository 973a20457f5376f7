//! Why a journal cannot be used.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::record::RecordError;

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
        "the journal is damaged: {path} at byte {offset}, record {record}. Keep the directory as it is; start with \
         another --data-dir, or restore this file from a copy"
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
        /// The record that should stand there.
        record: u64,
    },
    /// Records are missing that were there.
    #[error("the journal lacks records from {record} on: {path} does not hold them. Restore it from a copy")]
    Gap {
        /// The file that should.
        path: PathBuf,
        /// The first of them.
        record: u64,
    },
    /// A file is whole and another one than was written.
    #[error(
        "the journal was changed: {path} holds another record {record} than was written. Keep the directory as it is; \
         restore this file from a copy"
    )]
    Swapped {
        /// Which file.
        path: PathBuf,
        /// Which record.
        record: u64,
    },
    /// The end is missing, and the ledger does not have it either.
    #[error(
        "the journal was put back to record {found}; it was durable up to record {durable}, and the ledger has it up to \
         {home}. Restore the journal's directory from a later copy; if there is none, move it away: a new journal begins, \
         and what only the old one held must be settled by hand"
    )]
    RolledBack {
        /// The last record that is there.
        found: u64,
        /// The last one that was durable.
        durable: u64,
        /// The last one that the ledger has.
        home: u64,
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
    #[error("the journal holds {bytes_max} bytes that are not ingested yet, as many as it may")]
    Full {
        /// How many that is.
        bytes_max: u64,
    },
    /// The disk takes records more slowly than they come.
    #[error("the disk is behind: {bytes} bytes of the journal wait to be made durable")]
    Behind {
        /// How many.
        bytes: usize,
    },
    /// The disk did not keep what it was given, and there was no room to write it again.
    #[error("the disk did not keep the journal's records, and they could not be written again yet")]
    Distrusted,
}

impl JournalError {
    /// Whether it says something about the disk, rather than about one record.
    pub(crate) const fn is_of_the_disk(&self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::Record(_))
    }
}
