//! How much of an answer has come: as its provider states it, else counted here.

use domain::price::Usage;

use crate::reservation::{text_tokens, text_tokens_least};

/// What has come of an answer, from its beginning on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// What the provider has stated.
    pub(crate) stated: Option<wire::Usage>,
    /// The text that has come since; all of it, where it has stated nothing.
    pub(crate) text_bytes: u64,
}

impl Measured {
    /// What was used, as a provider would most likely state it. One that was told a limit keeps it: text that is not
    /// surely longer than `limit` tokens is not counted as longer.
    pub(crate) fn usage(&self, input_tokens: u64, limit: u64) -> Usage {
        let stated = self.so_far(input_tokens);
        let (most, least) = (text_tokens(self.text_bytes), text_tokens_least(self.text_bytes));
        with(stated, most.min(limit.saturating_sub(stated.output_tokens).max(least)))
    }

    /// The most that was used, as far as text can tell.
    pub(crate) fn most(&self, input_tokens: u64) -> Usage {
        with(self.so_far(input_tokens), text_tokens(self.text_bytes))
    }

    /// What was used at the very least.
    pub(crate) fn least(&self, input_tokens: u64) -> Usage {
        with(self.so_far(input_tokens), text_tokens_least(self.text_bytes))
    }

    fn so_far(&self, input_tokens: u64) -> Usage {
        self.stated.map_or(Usage { input_tokens, ..Usage::NONE }, |usage| stated(&usage))
    }
}

const fn with(usage: Usage, output_tokens: u64) -> Usage {
    Usage { output_tokens: usage.output_tokens.saturating_add(output_tokens), ..usage }
}

/// The output's part of it.
pub(crate) const fn output_only(usage: &Usage) -> Usage {
    Usage {
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        audio_output_tokens: usage.audio_output_tokens,
        image_output_tokens: usage.image_output_tokens,
        ..Usage::NONE
    }
}

const fn stated(usage: &wire::Usage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        audio_input_tokens: usage.audio_input_tokens,
        audio_output_tokens: usage.audio_output_tokens,
        ..Usage::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text_bytes: u64) -> Measured {
        Measured { stated: None, text_bytes }
    }

    #[test]
    fn text_is_counted_by_three_bytes_a_token_and_no_higher_than_the_providers_limit() {
        assert_eq!(text(10).usage(7, 1_000), Usage { input_tokens: 7, output_tokens: 4, ..Usage::NONE });
        assert_eq!(text(300).usage(7, 80).output_tokens, 80, "80 tokens can be 300 bytes long");
        assert_eq!(text(600).usage(7, 80).output_tokens, 100, "but not 600");
    }

    #[test]
    fn what_is_stated_is_taken_at_its_word_and_only_what_came_since_is_counted() {
        let stated = wire::Usage { input_tokens: 5, output_tokens: 50, ..wire::Usage::default() };
        let measured = Measured { stated: Some(stated), text_bytes: 90 };
        assert_eq!((measured.most(7).input_tokens, measured.most(7).output_tokens), (5, 80));
        assert_eq!(measured.least(7).output_tokens, 65);
        assert_eq!(measured.usage(7, 60).output_tokens, 65);
        assert_eq!(measured.usage(7, 70).output_tokens, 70);
    }
}
