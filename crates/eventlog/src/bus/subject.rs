//! The subject of an event: what a subscriber can pick by.

use std::fmt::Write;

use domain::Log;
use sha2::{Digest, Sha256};

use crate::Recorded;

/// A longer token is named by its hash: a subject must fit into one line of the protocol.
const TOKEN_BYTES_MAX: usize = 1_024;

/// `evt.control.<type>.<stream>`; in the ledger log, where every account would be a subject of its own, one of 256 shards
/// stands for the stream.
pub(super) fn of(event: &Recorded) -> String {
    let place = match event.log {
        Log::Control => token(&event.stream),
        Log::Ledger => shard(&event.stream),
    };
    format!("evt.{}.{}.{place}", event.log, token(&event.event_type))
}

/// The same for every event of a stream, in every version.
fn shard(stream: &str) -> String {
    hex::encode(&Sha256::digest(stream)[..1])
}

/// `text` as one token: letters, digits, `-`, `_` and `:` stand for themselves, every other byte as `%` and two digits.
/// Different texts are different tokens.
fn token(text: &str) -> String {
    if text.is_empty() {
        return "%".into();
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_:".contains(&byte) {
            token.push(byte.into());
        } else {
            // Writing into a string does not fail.
            let _ = write!(token, "%{byte:02x}");
        }
    }
    if token.len() > TOKEN_BYTES_MAX {
        return format!("%%{}", hex::encode(Sha256::digest(text)));
    }
    token
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{TOKEN_BYTES_MAX, shard, token};

    #[test]
    fn a_token_is_one_whatever_is_in_it() {
        assert_eq!(token("channel:0192f0c1-aa"), "channel:0192f0c1-aa");
        assert_eq!(token("group:a.b * > %"), "group:a%2eb%20%2a%20%3e%20%25");
        assert_eq!(token("login:é\r\n\0"), "login:%c3%a9%0d%0a%00");
    }

    #[test]
    fn different_texts_are_different_tokens() {
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        let texts = ["", "%", "%%", "a.b", "a%2eb", "a%b", &long, &long[1..], &format!("{long}y")];
        let tokens: HashSet<_> = texts.into_iter().map(token).collect();
        assert_eq!(tokens.len(), texts.len());
        assert!(tokens.iter().all(|token| token.len() <= TOKEN_BYTES_MAX));
    }

    #[test]
    fn a_stream_stays_in_its_shard() {
        assert_eq!(shard("account:1"), "53");
        assert_eq!(shard("account:2"), shard("account:2"));
        let shards: HashSet<_> = (0..10_000).map(|id| shard(&format!("account:{id}"))).collect();
        assert_eq!(shards.len(), 256);
    }
}
