//! The hash chain that ties a journal's records together, and their frames on disk.
//!
//! A frame is `length: u32 LE`, the payload, `hash: 32 bytes`; the hash is SHA-256 over the hash before it and the
//! payload. A length of nothing means: nothing was written here yet.

use sha2::{Digest, Sha256};

/// The largest record, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

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
pub(crate) const fn frame_bytes(payload: usize) -> usize {
    LENGTH_BYTES + payload + HASH_BYTES
}

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Nothing was written here yet, or there is no room for more.
    End,
    /// A record that continues the chain.
    Frame { payload: &'a [u8], link: Link },
    /// Something else: a torn write, or damage.
    Broken,
}

/// Reads the frame at the start of `bytes`, which must continue the chain after `before`.
pub(crate) fn read<'a>(bytes: &'a [u8], before: &Link) -> Place<'a> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Place::End };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return Place::End;
    }
    if length > PAYLOAD_BYTES_MAX || rest.len() < length + HASH_BYTES {
        return Place::Broken;
    }
    let (payload, rest) = rest.split_at(length);
    let link = before.next(payload);
    if rest[..HASH_BYTES] == link.0 { Place::Frame { payload, link } } else { Place::Broken }
}

/// Writes a frame to the start of `target`: the length last, so that a process that dies in between has written
/// nothing. `target` has [`frame_bytes`] bytes.
pub(crate) fn write(target: &mut [u8], payload: &[u8], link: &Link) {
    let (length, rest) = target.split_at_mut(LENGTH_BYTES);
    let (body, hash) = rest.split_at_mut(payload.len());
    body.copy_from_slice(payload);
    hash.copy_from_slice(&link.0);
    std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
    #[expect(clippy::cast_possible_truncation, reason = "a payload is at most PAYLOAD_BYTES_MAX")]
    length.copy_from_slice(&(payload.len() as u32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Link, Place, frame_bytes, read, write};

    fn framed(payload: &[u8], before: &Link) -> Vec<u8> {
        let mut bytes = vec![0; frame_bytes(payload.len())];
        write(&mut bytes, payload, &before.next(payload));
        bytes
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
