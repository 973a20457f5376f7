//! The mark of an answer that is told as it is made: it stands behind it.

use eventlog::Sealer;
use sha2::{Digest, Sha256};

use super::{NONCE_BYTES, Nonce};

/// How long the mark is: hexadecimal digits.
pub(crate) const STREAM_MARK_BYTES: usize = 64;
/// Keeps these marks apart from those of answers that are told at once.
const STREAM: &[u8] = b"stream\0";

/// Makes the mark as the answer goes by. Only an answer that says yes is told so.
#[derive(Clone, Debug, Default)]
pub struct StreamMark(Sha256);

impl StreamMark {
    /// This comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The mark of all that came, as the answer to the request with that nonce.
    pub fn end(self, sealer: &Sealer, nonce: Option<Nonce>) -> String {
        hex::encode(sealer.mark(&self.message(nonce)))
    }

    /// Whether that is its mark.
    pub fn is_that(self, sealer: &Sealer, nonce: Nonce, mark: &[u8]) -> bool {
        hex::decode(mark).is_ok_and(|mark| sealer.is_marked(&self.message(Some(nonce)), &mark))
    }

    fn message(self, nonce: Option<Nonce>) -> Vec<u8> {
        let nonce = nonce.map_or([0; NONCE_BYTES], |nonce| nonce.0);
        [STREAM, &nonce, self.0.finalize().as_slice()].concat()
    }
}
