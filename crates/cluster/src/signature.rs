//! Who asked, and who answered: a node signs its requests, a holder of the master key marks its answers.

mod stream;

use std::{fmt, str::FromStr};

use domain::{NodeId, TimeStamp, node::NodeKey};
use ed25519_dalek::VerifyingKey;
use eventlog::{SealError, Sealer};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub(crate) use self::stream::STREAM_MARK_BYTES;
pub use self::stream::StreamMark;
use crate::{
    Identity,
    protocol::{HEADER_NODE, HEADER_NONCE, HEADER_SIGNATURE, HEADER_SIGNED_AT},
};

/// Keeps what is signed here apart from whatever else a node may sign one day.
const PURPOSE: &str = "veloera sync v1";
/// Keeps marks of answers apart from every other mark under the same key.
const ANSWER: &[u8] = b"answer\0";
const NONCE_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 64;

/// Sixteen bytes that no request had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// The one that comes before every other.
    pub const FIRST: Self = Self([0; NONCE_BYTES]);

    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| SealError::Random)?;
        Ok(Self(bytes))
    }

    /// The one that a request names; `None` where it names none.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        headers.get(HEADER_NONCE)?.to_str().ok()?.parse().ok()
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Nonce {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; NONCE_BYTES];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Why a request counts as nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// A header is missing, or is not what it should be.
    #[error("the header `{0}` is missing or cannot be read")]
    Header(&'static str),
    /// Another key, another request, or damage.
    #[error("the signature is not that of this request by this node's key")]
    Wrong,
}

/// What a request shows of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which node.
    pub node_id: NodeId,
    /// When it was signed, by the node's clock.
    pub signed_at: TimeStamp,
    /// Tells it from every other request of that node.
    pub nonce: Nonce,
    bytes: [u8; SIGNATURE_BYTES],
}

impl Signature {
    /// Signs a request.
    pub fn of(
        identity: &Identity,
        signed_at: TimeStamp,
        nonce: Nonce,
        method: &Method,
        target: &str,
        body: &[u8],
    ) -> Self {
        // The line has milliseconds: what is signed is what is read there.
        let signed_at = TimeStamp::from_micros(ms(signed_at).saturating_mul(1_000));
        let bytes = identity.sign(&message(signed_at, nonce, method, target, body));
        Self { node_id: identity.node_id(), signed_at, nonce, bytes }
    }

    /// Whether `key` has signed this request.
    ///
    /// # Errors
    /// When it has not.
    pub fn check(
        &self,
        key: &NodeKey,
        method: &Method,
        target: &str,
        body: &[u8],
    ) -> Result<(), SignatureError> {
        let mut public = [0; 32];
        hex::decode_to_slice(key.as_str(), &mut public).map_err(|_| SignatureError::Wrong)?;
        let public = VerifyingKey::from_bytes(&public).map_err(|_| SignatureError::Wrong)?;
        let message = message(self.signed_at, self.nonce, method, target, body);
        // Strictly: a weak key would fit any message.
        public.verify_strict(&message, &self.bytes.into()).map_err(|_| SignatureError::Wrong)
    }

    /// The headers that say it.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 4] {
        let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        [
            (HEADER_NODE, value(self.node_id.to_string())),
            (HEADER_SIGNED_AT, value(ms(self.signed_at).to_string())),
            (HEADER_NONCE, value(self.nonce.to_string())),
            (HEADER_SIGNATURE, value(hex::encode(self.bytes))),
        ]
    }

    /// What the headers say.
    ///
    /// # Errors
    /// When one is missing or cannot be read.
    pub fn read(headers: &HeaderMap) -> Result<Self, SignatureError> {
        fn of<T>(
            headers: &HeaderMap,
            name: &HeaderName,
            told: &'static str,
            parse: impl Fn(&str) -> Option<T>,
        ) -> Result<T, SignatureError> {
            let text = headers.get(name).and_then(|value| value.to_str().ok());
            text.and_then(parse).ok_or(SignatureError::Header(told))
        }
        let signed_at = |text: &str| {
            let ms: i64 = text.parse().ok()?;
            Some(TimeStamp::from_micros(ms.checked_mul(1_000)?))
        };
        let signature = |text: &str| {
            let mut bytes = [0; SIGNATURE_BYTES];
            hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
        };
        Ok(Self {
            node_id: of(headers, &HEADER_NODE, "veloera-node", |text| text.parse().ok())?,
            signed_at: of(headers, &HEADER_SIGNED_AT, "veloera-signed-at", signed_at)?,
            nonce: of(headers, &HEADER_NONCE, "veloera-nonce", |text| text.parse().ok())?,
            bytes: of(headers, &HEADER_SIGNATURE, "veloera-signature", signature)?,
        })
    }
}

const fn ms(at: TimeStamp) -> i64 {
    at.micros().div_euclid(1_000)
}

/// What is signed: no part of it can be taken for another, since only the last may hold a line's end.
fn message(signed_at: TimeStamp, nonce: Nonce, method: &Method, target: &str, body: &[u8]) -> Vec<u8> {
    let body = hex::encode(Sha256::digest(body));
    format!("{PURPOSE}\n{method}\n{}\n{nonce}\n{body}\n{target}", ms(signed_at)).into_bytes()
}

fn answer(nonce: Option<Nonce>, status: u16, body: &[u8]) -> Vec<u8> {
    // A request that names no nonce has an answer that is of no request.
    let nonce = nonce.map_or([0; NONCE_BYTES], |nonce| nonce.0);
    [ANSWER, &nonce, &status.to_be_bytes(), body].concat()
}

/// The mark of an answer to the request with that nonce.
pub fn mark_of(sealer: &Sealer, nonce: Option<Nonce>, status: u16, body: &[u8]) -> String {
    hex::encode(sealer.mark(&answer(nonce, status, body)))
}

/// Whether whoever answered the request with that nonce holds the master key, and meant this answer.
pub fn is_marked(sealer: &Sealer, nonce: Nonce, status: u16, body: &[u8], mark: &str) -> bool {
    hex::decode(mark).is_ok_and(|mark| sealer.is_marked(&answer(Some(nonce), status, body), &mark))
}
