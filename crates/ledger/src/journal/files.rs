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
use crate::chain::{self, Link, Place};

const SUFFIX: &str = "seg";
const SPARE: &str = "spare";

/// The name of the segment that begins with record `first_seq`.
pub(super) fn segment_path(dir: &Path, first_seq: u64) -> PathBuf {
    dir.join(format!("{first_seq:020}.{SUFFIX}"))
}

/// The name of a segment that has no place yet.
pub(super) fn spare_path(dir: &Path) -> PathBuf {
    dir.join(SPARE)
}

/// A segment that is on disk.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) header: Header,
}

/// The segments in `dir` in order, without one that was never begun, which can only be the last.
pub(super) fn list(dir: &Path) -> Result<Vec<Found>, JournalError> {
    Ok(look(dir)?.0)
}

/// The same, and what was never begun is removed.
pub(super) fn tidy(dir: &Path) -> Result<Vec<Found>, JournalError> {
    let (found, unbegun) = look(dir)?;
    unbegun.map_or(Ok(()), std::fs::remove_file)?;
    Ok(found)
}

fn look(dir: &Path) -> Result<(Vec<Found>, Option<PathBuf>), JournalError> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
    paths.sort();
    let mut found: Vec<Found> = Vec::with_capacity(paths.len());
    let last = paths.len();
    for (index, path) in paths.into_iter().enumerate() {
        match read_header(&path)? {
            Some(header) => found.push(Found { path, header }),
            None if index + 1 == last && scan_is_empty(&path)? => return Ok((found, Some(path))),
            None => return Err(JournalError::Corrupt { path, offset: 0 }),
        }
    }
    Ok((found, None))
}

fn read_header(path: &Path) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    match File::open(path)?.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether nothing stands where the first frame would: then a damaged header loses nothing.
fn scan_is_empty(path: &Path) -> io::Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.get(HEADER_BYTES..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0)))
}

/// What one segment holds.
pub(super) struct Scanned {
    /// The last record's number; one less than the first's where there is none.
    pub(super) last_seq: u64,
    /// The last record's link.
    pub(super) link: Link,
    /// Where the next frame goes.
    pub(super) length: usize,
    /// Whether something that is no record stands there.
    pub(super) broken: bool,
}

/// Hands every record of a segment to `visit`, in order.
pub(super) fn scan(
    found: &Found,
    mut visit: impl FnMut(u64, &[u8], &Link) -> Result<(), JournalError>,
) -> Result<Scanned, JournalError> {
    let bytes = std::fs::read(&found.path)?;
    let mut at = Scanned {
        last_seq: found.header.first_seq.saturating_sub(1),
        link: found.header.before,
        length: HEADER_BYTES,
        broken: false,
    };
    loop {
        match chain::read(bytes.get(at.length..).unwrap_or_default(), &at.link) {
            Place::Frame { payload, link } => {
                visit(at.last_seq + 1, payload, &link)?;
                at.length += chain::frame_bytes(payload.len());
                at.last_seq += 1;
                at.link = link;
            }
            Place::End => return Ok(at),
            Place::Broken => {
                at.broken = true;
                return Ok(at);
            }
        }
    }
}
