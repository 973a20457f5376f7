//! Keys as people hold them: made from 256 bits, shown once, known afterwards only by their hash.

use domain::api_token::HashedKey;
use sha2::{Digest, Sha256};

/// What the keys of API clients start with.
pub const API_PREFIX: &str = "sk-";
/// What the keys of admins start with.
pub const ADMIN_PREFIX: &str = "vk-";
const HINT_CHARS: usize = 4;

/// The key of an API client, and what is stored of it.
pub fn api_key(secret: &[u8; 32]) -> (String, HashedKey) {
    made(API_PREFIX, secret)
}

/// The key of an admin, and what is stored of it.
pub fn admin_key(secret: &[u8; 32]) -> (String, HashedKey) {
    made(ADMIN_PREFIX, secret)
}

fn made(prefix: &str, secret: &[u8; 32]) -> (String, HashedKey) {
    let key = format!("{prefix}{}", hex::encode(secret));
    let hashed = HashedKey { sha256: hex::encode(hash(&key)), hint: hint(&key) };
    (key, hashed)
}

/// What a key is looked up by.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// What people may see of a key: its last four characters, of a short one nothing.
pub fn hint(key: &str) -> String {
    let count = key.chars().count();
    if count < 3 * HINT_CHARS { String::new() } else { key.chars().skip(count - HINT_CHARS).collect() }
}

#[cfg(test)]
mod tests {
    use super::{admin_key, api_key, hash, hint};

    #[test]
    fn a_key_is_stored_as_the_hash_by_which_it_is_found() {
        let (key, hashed) = api_key(&[7; 32]);
        assert_eq!(key.len(), 3 + 64);
        assert_eq!(hex::decode(&hashed.sha256).unwrap(), hash(&key));
        assert!(key.ends_with(&hashed.hint) && hashed.hint.len() == 4);
        assert!(admin_key(&[7; 32]).0.starts_with("vk-"));
    }

    #[test]
    fn a_short_key_gives_nothing_of_itself_away() {
        assert_eq!(hint("k"), "");
        assert_eq!(hint("ключ-ключ-ключ"), "ключ");
    }
}
