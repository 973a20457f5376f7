//! What one caller has asked for.

use std::num::NonZeroU32;

use domain::CallLimits;

use super::{Metered, Rate, Rates, window::Window};

/// When to come back for a call that may end at any time.
const OPEN_MS: u64 = 1_000;

/// Calls and tokens of the last minute, and the calls that are open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    requests: Window,
    tokens: Window,
    open: u32,
}

/// Why a call is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) metered: Metered,
    pub(super) limit: u64,
    pub(super) wait_ms: Option<u64>,
}

impl Counter {
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.requests.advance(now_ms);
        self.tokens.advance(now_ms);
    }

    /// Whether a new one would do as well.
    pub(super) fn says_nothing(&self) -> bool {
        self.open == 0 && self.requests.sum() == 0 && self.tokens.sum() == 0
    }

    /// Whether one more call of so many tokens stays within the limits.
    pub(super) fn check(&self, limits: &CallLimits, tokens: u64, now_ms: u64) -> Result<(), Refused> {
        let refused = |metered, limit, wait_ms| Err(Refused { metered, limit, wait_ms });
        if let Some(limit) = number(limits.concurrent_calls)
            && u64::from(self.open) >= limit
        {
            return refused(Metered::Concurrency, limit, Some(OPEN_MS));
        }
        for (metered, window, needed, limit) in [
            (Metered::Requests, &self.requests, 1, limits.requests_per_minute),
            (Metered::Tokens, &self.tokens, tokens, limits.tokens_per_minute),
        ] {
            let Some(limit) = number(limit) else { continue };
            let wait_ms = window.wait_ms(needed, limit, now_ms);
            if wait_ms != Some(0) {
                return refused(metered, limit, wait_ms);
            }
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, tokens: u64) {
        self.requests.add(1);
        self.tokens.add(tokens);
        self.open = self.open.saturating_add(1);
    }

    /// A call that was begun at `begun_ms` with `expected` tokens took `used`: more than expected counts from now.
    pub(super) fn end(&mut self, begun_ms: u64, expected: u64, used: u64) {
        self.open = self.open.saturating_sub(1);
        self.tokens.take_back(begun_ms, expected.saturating_sub(used));
        self.tokens.add(used.saturating_sub(expected));
    }

    pub(super) fn rates(&self, limits: &CallLimits, now_ms: u64) -> Rates {
        let rate = |window: &Window, limit| {
            number(limit).map(|limit| Rate {
                limit,
                remaining: limit.saturating_sub(window.sum()),
                reset_ms: window.reset_ms(now_ms),
            })
        };
        Rates {
            requests: rate(&self.requests, limits.requests_per_minute),
            tokens: rate(&self.tokens, limits.tokens_per_minute),
        }
    }
}

fn number(limit: Option<NonZeroU32>) -> Option<u64> {
    limit.map(|limit| u64::from(limit.get()))
}
