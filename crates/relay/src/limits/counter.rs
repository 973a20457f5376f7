//! What one subject was asked for.

use std::num::NonZeroU32;

use domain::{CallCounts, CallLimits};

use super::{
    Metered, Rate, Rates,
    shared::{Ahead, Footing, SHARE_WAIT_MS, Shared},
    window::Window,
};

/// When to come back for a call that may end at any time.
const END_WAIT_MS: u64 = 1_000;
/// How long what was counted waits to be told.
const SAY_MS: u64 = 250;
/// How often it is told again while calls are open.
const SAY_OPEN_MS: u64 = CallCounts::OPEN_MS / 3;

/// Calls and tokens of the last minute, and the calls that are open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    requests: Window,
    tokens: Window,
    open: u32,
    /// Where other nodes count too.
    shared: Option<Box<Shared>>,
}

/// Why a call is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) metered: Metered,
    pub(super) limit: u64,
    pub(super) wait_ms: Option<u64>,
}

impl Counter {
    /// One of which other nodes have counts too.
    pub(super) fn shared() -> Self {
        Self { shared: Some(Box::default()), ..Self::default() }
    }

    /// Has others told of it from now on.
    pub(super) fn share(&mut self) {
        self.shared.get_or_insert_default();
    }

    pub(super) fn advance(&mut self, now_ms: u64) {
        self.requests.advance(now_ms);
        self.tokens.advance(now_ms);
        if let Some(shared) = &mut self.shared {
            shared.advance(now_ms);
        }
    }

    /// Whether a new one would do as well.
    pub(super) fn says_nothing(&self, now_ms: u64) -> bool {
        let is_quiet = self.open == 0 && self.requests.sum() == 0 && self.tokens.sum() == 0;
        is_quiet && self.shared.as_ref().is_none_or(|shared| shared.says_nothing(now_ms))
    }

    /// Whether one more call of so many tokens stays within the limits.
    pub(super) fn check(
        &self,
        limits: &CallLimits,
        tokens: u64,
        footing: Footing,
        now_ms: u64,
    ) -> Result<(), Refused> {
        if let Some(limit) = number(limits.concurrent_calls)
            && !self.has_room(limit, footing, now_ms)
        {
            return Err(Refused { metered: Metered::Concurrency, limit, wait_ms: Some(END_WAIT_MS) });
        }
        let ahead = self.shared.as_ref().map(|shared| shared.ahead).unwrap_or_default();
        for (metered, needed, limit, ahead) in [
            (Metered::Requests, 1, limits.requests_per_minute, ahead.requests),
            (Metered::Tokens, tokens, limits.tokens_per_minute, ahead.tokens),
        ] {
            let Some(limit) = number(limit) else { continue };
            let wait_ms = self.wait_ms(metered, needed, limit, footing, now_ms);
            if wait_ms != Some(0) {
                return Err(Refused { metered, limit, wait_ms });
            }
            if ahead >= footing.share(limit) {
                return Err(Refused { metered, limit, wait_ms: Some(SHARE_WAIT_MS) });
            }
        }
        Ok(())
    }

    fn has_room(&self, limit: u64, footing: Footing, now_ms: u64) -> bool {
        let open = u64::from(self.open);
        let Some(shared) = &self.shared else { return open < limit };
        let told = u64::from(shared.open_told);
        open.saturating_add(shared.open(now_ms)) < limit
            && open < footing.part(limit)
            && open < told.saturating_add(footing.share(limit))
    }

    /// How long until `needed` more stay within the limit, and within this node's part of it; `None` where they never do.
    fn wait_ms(
        &self,
        metered: Metered,
        needed: u64,
        limit: u64,
        footing: Footing,
        now_ms: u64,
    ) -> Option<u64> {
        let (own, part) = (self.window(metered), footing.part(limit));
        let among_all = match &self.shared {
            Some(_) => self.of_all(metered).wait_ms(needed, limit, now_ms),
            None => own.wait_ms(needed, limit, now_ms),
        };
        if among_all != Some(0) || part == limit {
            return among_all;
        }
        // It fits once the others are heard again.
        own.wait_ms(needed, part, now_ms).or(Some(SHARE_WAIT_MS))
    }

    const fn window(&self, metered: Metered) -> &Window {
        match metered {
            Metered::Tokens => &self.tokens,
            Metered::Requests | Metered::Concurrency | Metered::Callers => &self.requests,
        }
    }

    /// What all nodes have counted, as far as is known here.
    fn of_all(&self, metered: Metered) -> Window {
        let own = self.window(metered).clone();
        match (&self.shared, metered) {
            (None, _) => own,
            (Some(shared), Metered::Tokens) => own.plus(&shared.tokens),
            (Some(shared), _) => own.plus(&shared.requests),
        }
    }

    pub(super) fn begin(&mut self, tokens: u64, limits: &CallLimits, footing: Footing) {
        self.requests.add(1);
        self.tokens.add(tokens);
        self.open = self.open.saturating_add(1);
        let Some(shared) = &mut self.shared else { return };
        shared.ahead.requests = shared.ahead.requests.saturating_add(1);
        shared.ahead.tokens = shared.ahead.tokens.saturating_add(tokens);
        let open = u64::from(self.open);
        // So much is new to the others, and so much there is in all.
        let metered = [
            (limits.concurrent_calls, open.saturating_sub(shared.open_told.into()), open),
            (
                limits.requests_per_minute,
                shared.ahead.requests,
                self.requests.sum().saturating_add(shared.requests.sum()),
            ),
            (
                limits.tokens_per_minute,
                shared.ahead.tokens,
                self.tokens.sum().saturating_add(shared.tokens.sum()),
            ),
        ];
        shared.urgent |= metered.into_iter().any(|(limit, ahead, all)| {
            number(limit).is_some_and(|limit| {
                let share = footing.share(limit);
                share != u64::MAX && (ahead >= share / 2 || all.saturating_add(share) >= limit)
            })
        });
    }

    /// A call that was begun at `begun_ms` with `expected` tokens took `used`: more than expected counts from now.
    pub(super) fn end(&mut self, begun_ms: u64, expected: u64, used: u64) {
        self.open = self.open.saturating_sub(1);
        self.tokens.take_back(begun_ms, expected.saturating_sub(used));
        self.tokens.add(used.saturating_sub(expected));
    }

    pub(super) fn rates(&self, limits: &CallLimits, now_ms: u64) -> Rates {
        let rate = |metered, limit| {
            number(limit).map(|limit| {
                let window = self.of_all(metered);
                let remaining = limit.saturating_sub(window.sum());
                Rate { limit, remaining, reset_ms: window.reset_ms(now_ms) }
            })
        };
        Rates {
            requests: rate(Metered::Requests, limits.requests_per_minute),
            tokens: rate(Metered::Tokens, limits.tokens_per_minute),
        }
    }

    /// Whether it is to be put among those that wait to be told: others count too, and it does not wait there already.
    pub(super) fn queue(&mut self) -> bool {
        self.shared.as_mut().is_some_and(|shared| {
            shared.is_new = true;
            !std::mem::replace(&mut shared.queued, true)
        })
    }

    /// It waits no more.
    pub(super) fn unqueue(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.queued = false;
        }
    }

    /// Somebody was refused, perhaps for what is no more so elsewhere.
    pub(super) fn hurry(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.urgent = true;
        }
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.shared.as_ref().is_some_and(|shared| {
            let waited = now_ms.saturating_sub(shared.said_ms);
            shared.urgent || (shared.is_new && waited >= SAY_MS) || (self.open > 0 && waited >= SAY_OPEN_MS)
        })
    }

    /// Whether it is to be told again though nothing happens.
    pub(super) const fn is_open(&self) -> bool {
        self.open > 0
    }

    /// All that others are to hear, and what of it is new to them.
    pub(super) fn say(&mut self, now_ms: u64) -> (CallCounts, Ahead) {
        self.advance(now_ms);
        let (requests, tokens, open) = (self.requests.ages(), self.tokens.ages(), self.open);
        let Some(shared) = &mut self.shared else { return Default::default() };
        (shared.said_ms, shared.urgent, shared.is_new) = (now_ms, false, false);
        // What they hear may be less than before, though no answer ever says that they heard it.
        shared.open_told = shared.open_told.min(open);
        (CallCounts { requests, tokens, open }, shared.ahead)
    }

    /// They have heard it, and this is theirs.
    pub(super) fn hear(&mut self, told: (CallCounts, Ahead), others: &CallCounts, now_ms: u64) {
        let Some(shared) = &mut self.shared else { return };
        shared.hear(others, now_ms);
        shared.ahead = shared.ahead.less(told.1);
        shared.open_told = told.0.open;
    }
}

fn number(limit: Option<NonZeroU32>) -> Option<u64> {
    limit.map(|limit| u64::from(limit.get()))
}
