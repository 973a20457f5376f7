//! What is left, as clients are told: the headers that `OpenAI`'s clients know.

use http::{HeaderName, HeaderValue};

const LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const LIMIT_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-limit-tokens");
const REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const REMAINING_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-tokens");
const RESET_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
const RESET_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-reset-tokens");

/// One limit, and how much of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The most within a minute.
    pub limit: u64,
    /// What is left now.
    pub remaining: u64,
    /// When all of it is there again.
    pub reset_ms: u64,
}

/// The limits of a caller; what is not limited is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Calls within a minute.
    pub requests: Option<Rate>,
    /// Tokens within a minute.
    pub tokens: Option<Rate>,
}

impl Rates {
    /// Of two that hold at once, the one of each kind that leaves less.
    pub(super) fn tighter(self, other: Self) -> Self {
        let tighter = |one: Option<Rate>, two: Option<Rate>| match (one, two) {
            (Some(one), Some(two)) => Some(if two.remaining < one.remaining { two } else { one }),
            (one, two) => one.or(two),
        };
        Self { requests: tighter(self.requests, other.requests), tokens: tighter(self.tokens, other.tokens) }
    }

    /// The headers that say so.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        let requests = self.requests.map(|rate| (rate, [LIMIT_REQUESTS, REMAINING_REQUESTS, RESET_REQUESTS]));
        let tokens = self.tokens.map(|rate| (rate, [LIMIT_TOKENS, REMAINING_TOKENS, RESET_TOKENS]));
        requests.into_iter().chain(tokens).flat_map(|(rate, names)| {
            let reset = HeaderValue::try_from(duration(rate.reset_ms));
            let reset = reset.unwrap_or_else(|_| HeaderValue::from_static("0s"));
            names.into_iter().zip([rate.limit.into(), rate.remaining.into(), reset])
        })
    }
}

/// As `OpenAI` writes it: `250ms`, `12s`, `1m5s`. Whole seconds are rounded up: whoever comes too early is refused.
fn duration(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    match (ms, seconds / 60, seconds % 60) {
        (1..1_000, ..) => format!("{ms}ms"),
        (_, 0, seconds) => format!("{seconds}s"),
        (_, minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, Rates, duration};

    #[test]
    fn lengths_of_time_are_written_as_clients_know_them() {
        for (ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_001, "2s"),
            (60_000, "1m0s"),
            (64_100, "1m5s"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn of_two_limits_the_one_that_leaves_less_is_told() {
        let rate = |limit, remaining| Some(Rate { limit, remaining, reset_ms: 0 });
        let token = Rates { requests: rate(10, 3), tokens: None };
        let user = Rates { requests: rate(100, 2), tokens: rate(50, 50) };
        let told = token.tighter(user);
        assert_eq!(told, Rates { requests: rate(100, 2), tokens: rate(50, 50) });
        let names: Vec<_> = told.headers().map(|(name, value)| format!("{name}: {value:?}")).collect();
        assert_eq!(names.len(), 6);
        assert_eq!(names[1], "x-ratelimit-remaining-requests: \"2\"");
    }
}
