//! How a relay node keeps rows of tokens in memory: another cache would have the same three settings under its own name.

use std::{num::NonZeroU64, time::Duration};

use projections::{CachePolicy, TokenCacheOptions};

use super::{ConfigError, Text, ms, one_of, within};

const ENTRIES_MAX: u64 = 10_000_000;
const TTL_MS: u64 = 600_000;
const POLICIES: [(&str, CachePolicy); 2] = [("tiny_lfu", CachePolicy::TinyLfu), ("lru", CachePolicy::Lru)];

pub(super) fn read(
    entries: Option<Text>,
    ttl_ms: Option<Text>,
    policy: Option<Text>,
) -> Result<TokenCacheOptions, ConfigError> {
    let unset = TokenCacheOptions::default();
    let entries = within("token_cache_entries", entries, 1..=ENTRIES_MAX, "1 to 10000000")?;
    let ttl = Duration::from_millis(ms("token_cache_ttl_ms", ttl_ms, TTL_MS)?);
    let policy = one_of("token_cache_policy", policy, &POLICIES, "tiny_lfu or lru")?.unwrap_or_default();
    Ok(TokenCacheOptions {
        entries_max: entries.and_then(NonZeroU64::new).unwrap_or(unset.entries_max),
        ttl,
        policy,
    })
}
