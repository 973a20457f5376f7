//! What whoever signed in holds: JSON Web Tokens (RFC 7519) with an HMAC-SHA256 by a key that never leaves the sealer.
//!
//! One algorithm and one header are known here, so that there is nothing to be confused about: a token whose header is
//! not ours, letter by letter, is none. The libraries for this bring RSA and elliptic curves with them, and look at the
//! system's clock by themselves.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use domain::{SessionId, TimeStamp, UserId};
use eventlog::Sealer;
use serde::{Deserialize, Serialize};

/// The longest token that is looked at, in bytes.
const BYTES_MAX: usize = 2_048;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Use {
    /// To ask.
    Access,
    /// To be changed for a new pair.
    Refresh,
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "aud")]
    pub(crate) good_for: Use,
    #[serde(rename = "sub")]
    pub(crate) user_id: UserId,
    #[serde(rename = "sid")]
    pub(crate) session_id: SessionId,
    #[serde(rename = "gen")]
    pub(crate) generation: u32,
    /// Seconds since 1970, as the standard has it.
    #[serde(rename = "iat")]
    pub(crate) issued_at: i64,
    #[serde(rename = "exp")]
    pub(crate) expires_at: i64,
}

/// Whole seconds.
pub(crate) const fn seconds(at: TimeStamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

fn header(sealer: &Sealer) -> String {
    let key_id = sealer.mark_key_id();
    BASE64.encode(format!(r#"{{"alg":"HS256","kid":"{key_id}","typ":"JWT"}}"#))
}

impl Claims {
    /// The token that says this.
    pub(crate) fn signed(&self, sealer: &Sealer) -> Result<String, serde_json::Error> {
        let body = format!("{}.{}", header(sealer), BASE64.encode(serde_json::to_vec(self)?));
        let mark = BASE64.encode(sealer.mark(body.as_bytes()));
        Ok(format!("{body}.{mark}"))
    }

    /// What `token` says, if it is one of ours; whether its time has run out is another question.
    pub(crate) fn read(token: &str, sealer: &Sealer) -> Option<Self> {
        if token.len() > BYTES_MAX {
            return None;
        }
        let (body, mark) = token.rsplit_once('.')?;
        let (head, claims) = body.split_once('.')?;
        let is_ours = head == header(sealer) && sealer.is_marked(body.as_bytes(), &BASE64.decode(mark).ok()?);
        is_ours.then(|| serde_json::from_slice(&BASE64.decode(claims).ok()?).ok())?
    }

    /// Whether it is good for this, now.
    pub(crate) fn holds(&self, good_for: Use, now: TimeStamp) -> bool {
        self.good_for == good_for && seconds(now) < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    use domain::{SessionId, TimeStamp, UserId};
    use eventlog::{MasterKey, Sealer};
    use uuid::Uuid;

    use super::{Claims, Use, header};

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&MasterKey::from_hex(&format!("{byte:02x}").repeat(32)).unwrap())
    }

    fn claims() -> Claims {
        Claims {
            good_for: Use::Access,
            user_id: UserId(Uuid::from_u128(1)),
            session_id: SessionId(Uuid::from_u128(2)),
            generation: 3,
            issued_at: 100,
            expires_at: 200,
        }
    }

    #[test]
    fn a_token_is_read_as_it_was_signed_and_by_its_own_key_alone() {
        let token = claims().signed(&sealer(1)).unwrap();
        assert_eq!(Claims::read(&token, &sealer(1)), Some(claims()));
        assert_eq!(Claims::read(&token, &sealer(2)), None);
    }

    #[test]
    fn a_changed_character_shows() {
        let token = claims().signed(&sealer(1)).unwrap();
        for index in 0..token.len() - 1 {
            let mut text = token.clone().into_bytes();
            text[index] = if text[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                Claims::read(&String::from_utf8(text).unwrap(), &sealer(1)),
                None,
                "character {index}"
            );
        }
    }

    #[test]
    fn no_other_header_is_taken_whatever_it_says_of_the_signature() {
        let sealer = sealer(1);
        let token = claims().signed(&sealer).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let none = BASE64.encode(r#"{"alg":"none"}"#);
        assert_eq!(Claims::read(&format!("{none}.{payload}."), &sealer), None);
        let marked = format!("{none}.{payload}");
        let mark = BASE64.encode(sealer.mark(marked.as_bytes()));
        assert_eq!(Claims::read(&format!("{marked}.{mark}"), &sealer), None);
        assert_eq!(Claims::read(&format!("{}.{payload}.", header(&sealer)), &sealer), None);
    }

    #[test]
    fn a_token_is_good_for_one_use_until_its_time() {
        let at = |seconds: i64| TimeStamp::from_micros(seconds * 1_000_000);
        assert!(claims().holds(Use::Access, at(199)));
        assert!(!claims().holds(Use::Access, at(200)));
        assert!(!claims().holds(Use::Refresh, at(199)));
    }
}
