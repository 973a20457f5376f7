//! Which files a journal has, and what stands in them.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    JournalError,
    segment::{HEADER_BYTES, Header},
};
use crate::{
    chain::{self, Place},
    port::Cursor,
};

const SUFFIX: &str = "seg";

/// The name of the segment that begins with record `first_seq`.
pub(super) fn segment_path(dir: &Path, first_seq: u64) -> PathBuf {
    dir.join(format!("{first_seq:020}.{SUFFIX}"))
}

/// A segment that is on disk.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The number of its first record, as its name says it.
    pub(super) first_seq: u64,
    /// `None` where it was never begun, is damaged, or says another number than the name.
    pub(super) header: Option<Header>,
}

impl Found {
    /// Where the chain stands before its first record.
    pub(super) fn before(&self) -> Option<Cursor> {
        let Header { first_seq, before, .. } = self.header?;
        Some(Cursor { seq: first_seq.saturating_sub(1), link: before })
    }
}

/// The segments in `dir`, in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(first_seq) = named(&path) else { continue };
        let header = read_header(&path)?.filter(|header| header.first_seq == first_seq);
        found.push(Found { path, first_seq, header });
    }
    found.sort_by_key(|found| found.first_seq);
    Ok(found)
}

fn named(path: &Path) -> Option<u64> {
    let is_segment = path.extension().is_some_and(|suffix| suffix == SUFFIX);
    path.file_stem().filter(|_| is_segment)?.to_str()?.parse().ok()
}

pub(super) fn read_header(path: &Path) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    match File::open(path)?.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// What stands behind the last record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing, or what the next file says anew.
    Nothing,
    /// What is no record, and no record after it: what a write leaves that was cut short.
    Torn,
    /// What is no record, and records after it.
    Damaged,
}

/// What one segment holds.
pub(super) struct Scanned {
    /// The last record; the one before the file's first where there is none.
    pub(super) end: Cursor,
    /// Where the next frame goes.
    pub(super) length: usize,
    pub(super) rest: Rest,
}

/// Hands every record of a segment up to record `until` to `visit`, in order.
pub(super) fn scan(
    found: &Found,
    before: Cursor,
    until: u64,
    mut visit: impl FnMut(Cursor, &[u8]) -> Result<(), JournalError>,
) -> Result<Scanned, JournalError> {
    let bytes = std::fs::read(&found.path)?;
    let mut at = Scanned { end: before, length: HEADER_BYTES.min(bytes.len()), rest: Rest::Nothing };
    while at.end.seq < until {
        let rest = &bytes[at.length..];
        let Place::Frame { payload, link } = chain::read(rest, &at.end.link) else {
            at.rest = what_is(rest, &at.end);
            break;
        };
        at.end = Cursor { seq: at.end.seq + 1, link };
        visit(at.end, payload)?;
        at.length += chain::frame_bytes(payload.len());
    }
    Ok(at)
}

/// What `bytes` are, which are no record after `end`.
fn what_is(bytes: &[u8], end: &Cursor) -> Rest {
    if bytes.iter().all(|byte| *byte == 0) {
        Rest::Nothing
    } else if chain::goes_on(bytes, &end.link) {
        Rest::Damaged
    } else {
        Rest::Torn
    }
}

/// What stands in a file without a header, whose first record should come after `before`.
pub(super) fn remains(found: &Found, before: Cursor) -> io::Result<Rest> {
    let bytes = std::fs::read(&found.path)?;
    let frames = bytes.get(HEADER_BYTES..).unwrap_or_default();
    Ok(match chain::read(frames, &before.link) {
        Place::Frame { .. } => Rest::Damaged,
        Place::End | Place::Broken => match what_is(frames, &before) {
            Rest::Damaged => Rest::Damaged,
            Rest::Nothing | Rest::Torn => Rest::Torn,
        },
    })
}
