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
