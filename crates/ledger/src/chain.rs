//! The hash chain that ties a journal's records together, and their frames on disk.
//!
//! A frame is `length: u32 LE`, the payload, `hash: 32 bytes`; the hash is SHA-256 over the hash before it and the
//! payload. A length of nothing means: nothing was written here yet.

use sha2::{Digest, Sha256};

use crate::mutant::{self, Mutant};

/// The largest record, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// The most bytes that are hashed in search of a record behind a broken one.
const SEARCH_BYTES_MAX: usize = 64 * 1024 * 1024;
const LENGTH_BYTES: usize = 4;
const HASH_BYTES: usize = 32;

/// One link of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Link(pub [u8; HASH_BYTES]);

impl Link {
    /// The link after this one, for a record with that payload.
    #[must_use]
    pub fn next(&self, payload: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(payload);
        Self(hash.finalize().into())
    }
}

/// How many bytes the frame of a payload takes.
pub const fn frame_bytes(payload: usize) -> usize {
    LENGTH_BYTES + payload + HASH_BYTES
}

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// Nothing was written here yet, or there is no room for more.
    End,
    /// A record that continues the chain.
    Frame {
        /// Its bytes.
        payload: &'a [u8],
        /// Its link.
        link: Link,
    },
    /// Something else: a torn write, or damage.
    Broken,
}

/// Reads the frame at the start of `bytes`, which must continue the chain after `before`.
pub fn read<'a>(bytes: &'a [u8], before: &Link) -> Place<'a> {
    if bytes.first_chunk().is_none_or(|length| *length == [0; LENGTH_BYTES]) {
        return Place::End;
    }
    let Some((payload, hash)) = framed(bytes) else { return Place::Broken };
    let link = before.next(payload);
    let right = *hash == link.0 || mutant::is(Mutant::HashUnchecked);
    if right { Place::Frame { payload, link } } else { Place::Broken }
}

/// What looks like a frame: its payload and its hash.
fn framed(bytes: &[u8]) -> Option<(&[u8], &[u8; HASH_BYTES])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    (1..=PAYLOAD_BYTES_MAX).contains(&length).then_some((payload, rest.first_chunk()?))
}

/// Whether a record stands anywhere after the frame at the start of `bytes`, which should have continued `before` and
/// does not. Each record has the link before it right in front of it, so that it can be told by itself.
pub(crate) fn goes_on(bytes: &[u8], before: &Link) -> bool {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    // A hash may end in nothing.
    let bytes = &bytes[..bytes.len().min(end + HASH_BYTES)];
    // Where only the hash of the first was changed, the second continues what that should have been.
    let second = framed(bytes)
        .and_then(|(payload, _)| Some((before.next(payload), bytes.get(frame_bytes(payload.len())..)?)));
    if second.is_some_and(|(link, rest)| is_frame(rest, &link)) {
        return true;
    }
    let mut hashed = 0;
    (HASH_BYTES..bytes.len()).any(|at| {
        let (link, rest) = (bytes.get(at - HASH_BYTES..).and_then(|link| link.first_chunk()), &bytes[at..]);
        hashed += framed(rest).map_or(0, |(payload, _)| payload.len());
        // Too much that looks like records is no torn write.
        hashed > SEARCH_BYTES_MAX || link.is_some_and(|link| is_frame(rest, &Link(*link)))
    })
}

fn is_frame(bytes: &[u8], before: &Link) -> bool {
    matches!(read(bytes, before), Place::Frame { .. })
}

/// Adds a frame to a batch.
pub fn push(frames: &mut Vec<u8>, payload: &[u8], link: &Link) {
    #[expect(clippy::cast_possible_truncation, reason = "a payload is at most PAYLOAD_BYTES_MAX")]
    frames.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frames.extend_from_slice(payload);
    frames.extend_from_slice(&link.0);
}

/// Copies frames to where they stand: the first one's length last, so that a process that dies in between has written
/// nothing. Both have the same length.
pub(crate) fn copy(target: &mut [u8], frames: &[u8]) {
    let first = LENGTH_BYTES.min(frames.len());
    target[first..].copy_from_slice(&frames[first..]);
    std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
    target[..first].copy_from_slice(&frames[..first]);
}

#[cfg(test)]
mod tests {
    use super::{Link, Place, copy, frame_bytes, goes_on, push, read};

    fn framed(payload: &[u8], before: &Link) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, payload, &before.next(payload));
        assert_eq!(bytes.len(), frame_bytes(payload.len()));
        let mut copied = vec![0; bytes.len()];
        copy(&mut copied, &bytes);
        assert_eq!(copied, bytes);
        bytes
    }

    #[test]
    fn a_record_behind_a_broken_one_is_found_whatever_is_broken() {
        let first = Link::default();
        let whole = framed(b"a payload", &first);
        let second = framed(b"another", &first.next(b"a payload"));
        let two = [&whole[..], &second, &[0; 500]].concat();
        for byte in 0..whole.len() {
            let mut bytes = two.clone();
            bytes[byte] ^= 0x10;
            assert!(goes_on(&bytes, &first), "byte {byte}");
            bytes.truncate(whole.len());
            assert!(!goes_on(&bytes, &first), "nothing follows byte {byte}");
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let first = Link::default();
        let bytes = framed(b"one", &first);
        assert_eq!(read(&bytes, &first), Place::Frame { payload: b"one", link: first.next(b"one") });
    }

    #[test]
    fn every_flipped_bit_and_every_missing_byte_shows() {
        let first = Link::default();
        let whole = framed(b"a payload", &first);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(read(&bytes, &first), Place::Frame { .. }), "bit {bit}");
        }
        for length in 4..whole.len() {
            assert_eq!(read(&whole[..length], &first), Place::Broken, "{length} bytes");
        }
    }

    #[test]
    fn a_frame_continues_only_its_own_chain() {
        let other = Link([7; 32]);
        assert_eq!(read(&framed(b"one", &Link::default()), &other), Place::Broken);
    }
}
