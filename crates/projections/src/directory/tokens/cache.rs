//! Rows that calls asked for lately (L1).

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use moka::{policy::EvictionPolicy, sync::Cache};

use super::super::token::{Print, TokenEntry};

/// Which row goes when there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// One that was asked for seldom: a crowd that comes once does not drive out those who come again.
    #[default]
    TinyLfu,
    /// The one that was not asked for longest.
    Lru,
}

/// How many rows of tokens are kept in memory, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCacheOptions {
    /// The most that there are.
    pub entries_max: NonZeroU64,
    /// How long one is kept that nothing changes.
    pub ttl: Duration,
    /// Which one goes.
    pub policy: CachePolicy,
}

impl Default for TokenCacheOptions {
    fn default() -> Self {
        Self {
            entries_max: NonZeroU64::MIN.saturating_add(65_535),
            ttl: Duration::from_mins(10),
            policy: CachePolicy::default(),
        }
    }
}

/// By fingerprint, since that is known of every token, also of one whose row is not at hand when it changes.
pub(super) struct TokenCache(Cache<Print, Arc<TokenEntry>>);

impl TokenCache {
    pub(super) fn new(options: &TokenCacheOptions) -> Self {
        let policy = match options.policy {
            CachePolicy::TinyLfu => EvictionPolicy::tiny_lfu(),
            CachePolicy::Lru => EvictionPolicy::lru(),
        };
        let cache = Cache::builder()
            .max_capacity(options.entries_max.get())
            .time_to_live(options.ttl)
            .eviction_policy(policy);
        Self(cache.build())
    }

    pub(super) fn get(&self, print: Print) -> Option<Arc<TokenEntry>> {
        self.0.get(&print)
    }

    pub(super) fn put(&self, entry: &Arc<TokenEntry>) {
        self.0.insert(entry.print(), Arc::clone(entry));
    }

    pub(super) fn forget(&self, print: Print) {
        self.0.invalidate(&print);
    }

    /// About how many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU64, sync::Arc, time::Duration};

    use super::{CachePolicy, TokenCache, TokenCacheOptions, TokenEntry};
    use crate::{
        fixtures::{hashed, token_id, token_spec},
        tokens::{TokenRow, TokenState},
    };

    fn entry(token: u8) -> Arc<TokenEntry> {
        let (token_id, key) = (token_id(token.into()), hashed(token));
        Arc::new(TokenEntry::of(
            1,
            &TokenRow { token_id, spec: token_spec(1), key, state: TokenState::Enabled },
        ))
    }

    #[test]
    fn no_more_rows_are_kept_than_was_said_and_none_that_was_forgotten() {
        for policy in [CachePolicy::TinyLfu, CachePolicy::Lru] {
            let entries_max = NonZeroU64::new(3).unwrap();
            let cache = TokenCache::new(&TokenCacheOptions { entries_max, policy, ..Default::default() });
            for token in 1..=20 {
                cache.put(&entry(token));
            }
            cache.0.run_pending_tasks();
            assert_eq!(cache.len(), 3, "{policy:?}");
            cache.put(&entry(21));
            cache.forget(entry(21).print());
            assert_eq!(cache.get(entry(21).print()), None);
        }
    }

    #[test]
    fn a_row_that_was_kept_for_as_long_as_was_said_is_not_there() {
        let cache = TokenCache::new(&TokenCacheOptions { ttl: Duration::ZERO, ..Default::default() });
        cache.put(&entry(1));
        assert_eq!(cache.get(entry(1).print()), None);
    }
}
