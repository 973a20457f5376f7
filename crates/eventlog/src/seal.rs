//! Sealing: secrets and personal data stand in events only encrypted (AES-256-GCM), bound to their place.
//!
//! Each value, or each person, has a data key of its own, which the master key wraps. A channel's secret carries
//! its wrapped key with it; the keys of people stay in `subject_keys`, so that one can be destroyed.

use std::sync::Arc;

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use domain::Sealed;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The length of a master key.
pub const MASTER_KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const VERSION: &str = "v1";
const KEY_ID_CHARS: usize = 8;

/// Why something cannot be sealed or opened. Says nothing of what was inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The system has no random numbers.
    #[error("the system's random number generator failed")]
    Random,
    /// It does not open: another master key, another place, or damage.
    #[error(
        "a sealed value does not open: it was sealed under another master key, for another place, or is damaged"
    )]
    Unopened,
    /// The master key's text is not one.
    #[error("a master key is {MASTER_KEY_BYTES} bytes as 64 hexadecimal digits")]
    MasterKey,
}

/// The key above all others.
pub struct MasterKey([u8; MASTER_KEY_BYTES]);

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, SealError> {
        random().map(Self)
    }

    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// When they are not that.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let bytes = hex::decode(text.trim()).map_err(|_| SealError::MasterKey)?;
        bytes.try_into().map(Self).map_err(|_| SealError::MasterKey)
    }

    /// As 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Seals and opens. A cheap handle; the master key never leaves it.
#[derive(Clone)]
pub struct Sealer {
    wrap: Aes256Gcm,
    names: Arc<[u8; 32]>,
    marks: Arc<[u8; 32]>,
    marks_id: Arc<str>,
}

impl Sealer {
    /// A sealer under `master`.
    pub fn new(master: &MasterKey) -> Self {
        let wrap = Aes256Gcm::new(&derive(&master.0, b"veloera wrap v1").into());
        let names = Arc::new(derive(&master.0, b"veloera names v1"));
        let marks = Arc::new(derive(&master.0, b"veloera marks v1"));
        let mut marks_id = hex::encode(derive(&master.0, b"veloera marks id v1"));
        marks_id.truncate(KEY_ID_CHARS);
        Self { wrap, names, marks, marks_id: marks_id.into() }
    }

    /// Seals `plain` for `place` under a key of its own, which travels with it.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let key: [u8; 32] = random()?;
        let wrapped = encrypt(&self.wrap, place, &key)?;
        let sealed = encrypt(&Aes256Gcm::new(&key.into()), place, plain)?;
        Ok(Sealed(format!("{VERSION}.{wrapped}.{sealed}")))
    }

    /// Opens what [`Sealer::seal`] sealed for the same place.
    ///
    /// # Errors
    /// When it does not open.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let mut parts = sealed.0.split('.');
        let (Some(VERSION), Some(wrapped), Some(text), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SealError::Unopened);
        };
        let key = decrypt(&self.wrap, place, wrapped)?;
        decrypt(&cipher(&key)?, place, text)
    }

    /// A wrapped key for a person, to be kept in `subject_keys`.
    pub(crate) fn new_subject_key(&self, subject: &str) -> Result<String, SealError> {
        encrypt(&self.wrap, subject, &random::<32>()?)
    }

    /// Seals `plain` for `place` under a person's key.
    pub(crate) fn seal_under(
        &self,
        wrapped: &str,
        subject: &str,
        place: &str,
        plain: &[u8],
    ) -> Result<Sealed, SealError> {
        let key = decrypt(&self.wrap, subject, wrapped)?;
        Ok(Sealed(format!("{VERSION}.{}", encrypt(&cipher(&key)?, place, plain)?)))
    }

    /// Opens what was sealed under a person's key.
    pub(crate) fn open_under(
        &self,
        wrapped: &str,
        subject: &str,
        place: &str,
        sealed: &Sealed,
    ) -> Result<Vec<u8>, SealError> {
        let key = decrypt(&self.wrap, subject, wrapped)?;
        let text = sealed.0.strip_prefix("v1.").ok_or(SealError::Unopened)?;
        decrypt(&cipher(&key)?, place, text)
    }

    /// A keyed hash of a name that must be unique, as 64 hexadecimal digits: the name itself cannot be guessed from it.
    pub fn name_hash(&self, kind: &str, name: &str) -> String {
        hex::encode(keyed(self.names.as_slice(), &[kind.as_bytes(), b"\0", name.as_bytes()]))
    }

    /// A mark (HMAC-SHA256) under which whoever holds the master key knows `message` again as made by one who held it.
    pub fn mark(&self, message: &[u8]) -> [u8; 32] {
        keyed(self.marks.as_slice(), &[message])
    }

    /// Whether `mark` is that of `message`; how long that takes tells nothing.
    pub fn is_marked(&self, message: &[u8], mark: &[u8]) -> bool {
        let Ok(mac) = <Hmac<Sha256> as Mac>::new_from_slice(self.marks.as_slice()) else { return false };
        mac.chain_update(message).verify_slice(mark).is_ok()
    }

    /// Names the key of marks.
    pub fn mark_key_id(&self) -> &str {
        &self.marks_id
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Random)?;
    Ok(bytes)
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length; the fallback is never reached and would only change the hash.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn derive(master: &[u8], purpose: &[u8]) -> [u8; 32] {
    keyed(master, &[purpose])
}

fn cipher(key: &[u8]) -> Result<Aes256Gcm, SealError> {
    Aes256Gcm::new_from_slice(key).map_err(|_| SealError::Unopened)
}

fn encrypt(cipher: &Aes256Gcm, place: &str, plain: &[u8]) -> Result<String, SealError> {
    let nonce: [u8; NONCE_BYTES] = random()?;
    let payload = Payload { msg: plain, aad: place.as_bytes() };
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SealError::Unopened)?;
    Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
}

fn decrypt(cipher: &Aes256Gcm, place: &str, text: &str) -> Result<Vec<u8>, SealError> {
    let bytes = BASE64.decode(text).map_err(|_| SealError::Unopened)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(SealError::Unopened)?;
    let payload = Payload { msg: sealed, aad: place.as_bytes() };
    cipher.decrypt(Nonce::from_slice(nonce), payload).map_err(|_| SealError::Unopened)
}

#[cfg(test)]
mod tests {
    use super::{MasterKey, SealError, Sealer};

    fn sealer() -> Sealer {
        Sealer::new(&MasterKey::random().unwrap())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let sealer = sealer();
        let sealed = sealer.seal("channel:1/key:2", b"sk-secret").unwrap();
        assert!(!sealed.0.contains("secret"));
        assert_eq!(sealer.open("channel:1/key:2", &sealed).unwrap(), b"sk-secret");
        assert_eq!(sealer.open("channel:1/key:3", &sealed), Err(SealError::Unopened));
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let sealed = sealer().seal("p", b"x").unwrap();
        assert_eq!(sealer().open("p", &sealed), Err(SealError::Unopened));
    }

    #[test]
    fn a_changed_character_shows() {
        let sealer = sealer();
        let sealed = sealer.seal("p", b"x").unwrap();
        for index in 0..sealed.0.len() {
            let mut text = sealed.0.clone().into_bytes();
            text[index] = if text[index] == b'A' { b'B' } else { b'A' };
            let changed = domain::Sealed(String::from_utf8(text).unwrap());
            assert!(sealer.open("p", &changed).is_err(), "character {index}");
        }
    }

    #[test]
    fn a_master_key_survives_its_text_form() {
        let key = MasterKey::random().unwrap();
        let again = MasterKey::from_hex(&key.to_hex()).unwrap();
        let sealed = Sealer::new(&key).seal("p", b"x").unwrap();
        assert_eq!(Sealer::new(&again).open("p", &sealed).unwrap(), b"x");
        assert!(MasterKey::from_hex("abc").is_err());
    }

    #[test]
    fn a_mark_is_of_one_message_and_one_master_key() {
        let (one, other) = (sealer(), sealer());
        let mark = one.mark(b"a");
        assert!(one.clone().is_marked(b"a", &mark));
        assert!(
            !one.is_marked(b"b", &mark) && !other.is_marked(b"a", &mark) && !one.is_marked(b"a", &mark[1..])
        );
        assert_ne!(one.mark_key_id(), other.mark_key_id());
    }

    #[test]
    fn a_persons_values_open_only_with_their_key() {
        let sealer = sealer();
        let wrapped = sealer.new_subject_key("user:1").unwrap();
        let other = sealer.new_subject_key("user:1").unwrap();
        let sealed = sealer.seal_under(&wrapped, "user:1", "name", b"Ada").unwrap();
        assert_eq!(sealer.open_under(&wrapped, "user:1", "name", &sealed).unwrap(), b"Ada");
        assert!(sealer.open_under(&other, "user:1", "name", &sealed).is_err());
    }
}
