//! What lets a node enrol: made by whoever holds the master key, good until it expires, kept nowhere.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use domain::TimeStamp;
use eventlog::{SealError, Sealer};
use thiserror::Error;

/// Keeps marks of join tokens apart from every other mark under the same key.
const PURPOSE: &[u8] = b"join\0";
const PREFIX: &str = "vj-";
const EXPIRY_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;

/// Why a node may not enrol with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JoinTokenError {
    /// It was not made under this master key, or was changed.
    #[error("the join token was not made for this installation; make one with `veloera node token`")]
    Forged,
    /// Its time is over.
    #[error("the join token has expired; make another with `veloera node token`")]
    Expired,
}

/// A join token, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// What is shown.
    pub text: String,
    /// Until when.
    pub expires_at: TimeStamp,
}

impl JoinToken {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn make(sealer: &Sealer, expires_at: TimeStamp) -> Result<Self, SealError> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|_| SealError::Random)?;
        let said = [expires_at.micros().to_be_bytes().as_slice(), &random].concat();
        let mark = sealer.mark(&[PURPOSE, &said].concat());
        let text = format!("{PREFIX}{}", BASE64.encode([said.as_slice(), &mark].concat()));
        Ok(Self { text, expires_at })
    }

    /// The token that `text` is, if it may be used `now`.
    ///
    /// # Errors
    /// When it may not.
    pub fn read(sealer: &Sealer, text: &str, now: TimeStamp) -> Result<Self, JoinTokenError> {
        let bytes = text.trim().strip_prefix(PREFIX).and_then(|text| BASE64.decode(text).ok());
        let bytes = bytes.ok_or(JoinTokenError::Forged)?;
        let (said, mark) =
            bytes.split_at_checked(EXPIRY_BYTES + RANDOM_BYTES).ok_or(JoinTokenError::Forged)?;
        if !sealer.is_marked(&[PURPOSE, said].concat(), mark) {
            return Err(JoinTokenError::Forged);
        }
        let micros = said.first_chunk::<EXPIRY_BYTES>().ok_or(JoinTokenError::Forged)?;
        let expires_at = TimeStamp::from_micros(i64::from_be_bytes(*micros));
        if now < expires_at {
            Ok(Self { text: text.trim().to_owned(), expires_at })
        } else {
            Err(JoinTokenError::Expired)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::TimeStamp;
    use eventlog::{MasterKey, Sealer};

    use super::{JoinToken, JoinTokenError};

    const NOON: TimeStamp = TimeStamp::from_micros(1_795_500_000_000_000);

    fn sealer() -> Sealer {
        Sealer::new(&MasterKey::random().unwrap())
    }

    #[test]
    fn a_join_token_is_good_until_it_expires_and_not_a_moment_longer() {
        let sealer = sealer();
        let token = JoinToken::make(&sealer, NOON.plus_ms(1)).unwrap();
        assert_eq!(JoinToken::read(&sealer, &format!(" {}\n", token.text), NOON), Ok(token.clone()));
        assert_eq!(JoinToken::read(&sealer, &token.text, NOON.plus_ms(1)), Err(JoinTokenError::Expired));
    }

    #[test]
    fn nobody_makes_a_join_token_without_the_master_key_or_makes_one_last_longer() {
        let sealer = sealer();
        let token = JoinToken::make(&sealer, NOON).unwrap().text;
        assert_eq!(JoinToken::read(&self::sealer(), &token, NOON), Err(JoinTokenError::Forged));
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'B' { b'C' } else { b'B' };
            let changed = String::from_utf8(changed).unwrap();
            let read = JoinToken::read(&sealer, &changed, NOON.minus_ms(1));
            assert_eq!(read, Err(JoinTokenError::Forged), "character {index}");
        }
        for bad in ["", "vj-", "vj-AAAA", "sk-1"] {
            assert_eq!(JoinToken::read(&sealer, bad, NOON), Err(JoinTokenError::Forged), "{bad:?}");
        }
    }

    #[test]
    fn no_two_join_tokens_are_alike() {
        let sealer = sealer();
        assert_ne!(JoinToken::make(&sealer, NOON).unwrap(), JoinToken::make(&sealer, NOON).unwrap());
    }
}
