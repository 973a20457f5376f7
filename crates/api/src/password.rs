//! Passwords: read once, kept only as a hash (Argon2id), never written anywhere else.

use std::fmt;

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{self, SaltString},
};
use serde::Deserialize;
use thiserror::Error;

/// The shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The longest, in bytes: hashing more would cost more.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// How many bytes of chance go into a hash.
pub const SALT_BYTES: usize = 16;

/// The hash of no password: who is not known is answered as late as who is.
pub(crate) const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$dmVsb2VyYS1ub2JvZHkx$\
     Dct5kWW1FVDtsJ4fBDTXRkd6YZ6xL0wN3D8YvPZtCmQ";

/// Text that is shown nowhere.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Why a password cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// It is too short or too long.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters and at most {PASSWORD_BYTES_MAX} bytes")]
    Length,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(password_hash::Error),
}

impl Secret {
    /// Whether it may be a password.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), PasswordError> {
        let fits = self.0.len() <= PASSWORD_BYTES_MAX && self.0.chars().count() >= PASSWORD_CHARS_MIN;
        if fits { Ok(()) } else { Err(PasswordError::Length) }
    }

    /// What is kept of it. Takes tens of milliseconds, by design.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn hashed(&self, salt: &[u8; SALT_BYTES]) -> Result<String, PasswordError> {
        self.check()?;
        let salt = SaltString::encode_b64(salt).map_err(PasswordError::Hash)?;
        let hash = Argon2::default().hash_password(self.0.as_bytes(), &salt).map_err(PasswordError::Hash)?;
        Ok(hash.to_string())
    }

    /// Whether this is the password that `hash` was made of.
    pub(crate) fn opens(&self, hash: &str) -> bool {
        let fits = self.0.len() <= PASSWORD_BYTES_MAX;
        fits && PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHash;

    use super::{NOBODYS, PasswordError, Secret};

    #[test]
    fn a_hash_is_opened_by_its_password_alone() {
        let secret = Secret::from("correct horse".to_owned());
        let hash = secret.hashed(&[7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(secret.opens(&hash));
        assert!(!Secret::from("correct hors".to_owned()).opens(&hash));
        assert!(!secret.opens("no hash"));
        assert_ne!(hash, secret.hashed(&[8; 16]).unwrap());
    }

    #[test]
    fn a_password_is_neither_short_nor_without_end() {
        let check = |text: &str| Secret::from(text.to_owned()).check();
        assert_eq!(check("1234567"), Err(PasswordError::Length));
        assert_eq!(check(&"x".repeat(1_025)), Err(PasswordError::Length));
        assert_eq!(check("пароль-8"), Ok(()));
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_anyones() {
        let own = Secret::from("correct horse".to_owned()).hashed(&[7; 16]).unwrap();
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (hash.algorithm.to_string(), hash.params.to_string(), hash.hash.map(|hash| hash.len()))
        };
        assert_eq!(cost(NOBODYS), cost(&own));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("x".to_owned())), "Secret(…)");
    }
}
