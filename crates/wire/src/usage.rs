//! What a call used, as the provider counts it.

/// The most tokens that a count is believed to hold; what is more is taken as this.
pub const TOKENS_MAX: u64 = 1 << 40;

/// A provider's own count of a call, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole input, cached and audio parts included.
    pub input_tokens: u64,
    /// The whole output, reasoning and audio parts included.
    pub output_tokens: u64,
    /// The part of the input that came from a cache.
    pub cache_read_tokens: u64,
    /// The part of the input that was written to a cache.
    pub cache_write_tokens: u64,
    /// The part of the output that the client may not see.
    pub reasoning_tokens: u64,
    /// The part of the input that is sound.
    pub audio_input_tokens: u64,
    /// The part of the output that is sound.
    pub audio_output_tokens: u64,
}

/// A count as it stands in JSON; nothing where it is no number.
pub(crate) fn tokens(raw: &str) -> Option<u64> {
    if let Ok(count) = raw.parse::<u64>() {
        return Some(count.min(TOKENS_MAX));
    }
    // Some providers count in floats; a NaN cannot be written in JSON.
    let count = raw.parse::<f64>().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a part of a token is none"
    )]
    let whole = count as u64;
    Some(whole.min(TOKENS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_no_call_can_have_are_clamped() {
        for (raw, count) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("3.0", Some(3)),
            ("1e3", Some(1_000)),
            ("-5", Some(0)),
            ("-0.5", Some(0)),
            ("1e400", Some(TOKENS_MAX)),
            ("99999999999999999999999", Some(TOKENS_MAX)),
            ("\"3\"", None),
            ("null", None),
            ("{}", None),
            ("true", None),
        ] {
            assert_eq!(tokens(raw), count, "{raw}");
        }
    }
}
