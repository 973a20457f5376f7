//! How much is set aside for a call before it is sent.

use domain::Nanos;
use wire::Input;

use crate::Priced;

/// An image costs providers 85 to about 1 500 tokens by its size, which is not looked at here: the most is taken.
const IMAGE_TOKENS: u64 = 1_500;
/// Role, separators and names around a message.
const MESSAGE_TOKENS: u64 = 8;
/// No known tokenizer makes more than one token of three bytes of ordinary text.
const BYTES_PER_TOKEN: u64 = 3;
/// No ordinary text makes tokens longer than six bytes on average: English has four to five.
const BYTES_PER_TOKEN_MOST: u64 = 6;
/// The input limit of a model whose limit is not known.
const INPUT_TOKENS_DEFAULT: u64 = 128_000;
/// The output limit of a model whose limit is not known.
const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;
/// With less room for an answer than this, a call that named no limit is not worth sending.
pub(crate) const OUTPUT_TOKENS_FLOOR: u64 = 256;

/// What a call may use, as far as it can be told before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) input_tokens: u64,
    /// The client's own limit.
    pub(crate) output_limit: Option<u64>,
    pub(crate) choices: u64,
}

/// What is asked of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) amount: Nanos,
    pub(crate) floor: Nanos,
}

/// A count of text that no provider counted.
pub(crate) const fn text_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// As many tokens as a text has at the very least.
pub(crate) const fn text_tokens_least(bytes: u64) -> u64 {
    bytes / BYTES_PER_TOKEN_MOST
}

/// A count of the input, made here.
pub(crate) fn input_tokens(input: &Input, priced: &Priced) -> u64 {
    let counted = text_tokens(input.text_bytes)
        .saturating_add(input.tokens)
        .saturating_add(input.messages.saturating_mul(MESSAGE_TOKENS))
        .saturating_add(input.images.saturating_mul(IMAGE_TOKENS));
    if input.uncountable {
        counted.max(priced.input_tokens_max.unwrap_or(INPUT_TOKENS_DEFAULT))
    } else {
        counted
    }
}

impl Estimate {
    /// The most that the call can cost, and the least that makes sense to set aside.
    pub(crate) fn reservation(&self, priced: &Priced, service_tier: Option<&str>) -> Reservation {
        let cap = priced.output_tokens_max.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        let cost = |output: u64| {
            priced.pinned.estimate(self.input_tokens, output.saturating_mul(self.choices), service_tier)
        };
        let amount = cost(self.output_limit.unwrap_or(cap));
        let floor = if self.output_limit.is_some() { amount } else { cost(cap.min(OUTPUT_TOKENS_FLOOR)) };
        Reservation { amount, floor }
    }

    /// The limit that the provider must keep, where less was set aside than the call can cost.
    pub(crate) fn limit_within(
        &self,
        reserved: Nanos,
        asked: &Reservation,
        priced: &Priced,
        service_tier: Option<&str>,
    ) -> Option<u64> {
        if reserved >= asked.amount || self.output_limit.is_some() {
            return None;
        }
        let tokens = priced.pinned.output_tokens_within(reserved, self.input_tokens, service_tier)?;
        Some((tokens / self.choices.max(1)).max(1))
    }

    /// The output tokens of all choices together that the provider is held to, by the client's limit, by ours, or by
    /// the model's.
    pub(crate) fn output_tokens(&self, limit: Option<u64>, priced: &Priced) -> u64 {
        let cap = priced.output_tokens_max.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        limit.or(self.output_limit).unwrap_or(cap).saturating_mul(self.choices)
    }
}

#[cfg(test)]
mod tests {
    use domain::price::{Pinned, Price, Rates};

    use super::*;

    /// One nano-dollar per input token, ten per output token.
    fn priced(output_tokens_max: Option<u64>) -> Priced {
        let rates = Rates { input: Some(1_000), output: Some(10_000), ..Rates::default() };
        let pinned = Pinned { price: Price { rates, ..Price::default() }.into(), ..Pinned::default() };
        Priced { pinned, control_position: 1, input_tokens_max: Some(5_000), output_tokens_max }
    }

    fn nanos(nanos: u64) -> Nanos {
        Nanos::new(nanos).unwrap()
    }

    #[test]
    fn text_messages_and_images_are_counted_rounded_up() {
        let input = Input { text_bytes: 10, messages: 2, images: 1, tokens: 7, uncountable: false };
        assert_eq!(input_tokens(&input, &priced(None)), 4 + 16 + 1_500 + 7);
    }

    #[test]
    fn what_cannot_be_counted_takes_the_models_input_limit() {
        let input = Input { text_bytes: 10, messages: 1, uncountable: true, ..Input::default() };
        assert_eq!(input_tokens(&input, &priced(None)), 5_000);
        let unknown = Priced { input_tokens_max: None, ..priced(None) };
        assert_eq!(input_tokens(&input, &unknown), 128_000);
    }

    #[test]
    fn a_named_limit_is_reserved_whole_for_every_choice() {
        let estimate = Estimate { input_tokens: 100, output_limit: Some(50), choices: 3 };
        let asked = estimate.reservation(&priced(Some(4_096)), None);
        assert_eq!(asked, Reservation { amount: nanos(100 + 1_500), floor: nanos(1_600) });
        assert_eq!(estimate.limit_within(nanos(200), &asked, &priced(None), None), None);
    }

    #[test]
    fn without_a_limit_the_cap_is_asked_for_and_a_short_answer_is_enough() {
        let estimate = Estimate { input_tokens: 100, output_limit: None, choices: 1 };
        let asked = estimate.reservation(&priced(Some(1_000)), None);
        assert_eq!(asked, Reservation { amount: nanos(10_100), floor: nanos(2_660) });
        let asked = estimate.reservation(&priced(None), None);
        assert_eq!(asked.amount, nanos(163_940));
    }

    #[test]
    fn what_was_reserved_bounds_each_choice() {
        let estimate = Estimate { input_tokens: 100, output_limit: None, choices: 2 };
        let asked = estimate.reservation(&priced(Some(1_000)), None);
        assert_eq!(estimate.limit_within(nanos(8_100), &asked, &priced(None), None), Some(400));
        assert_eq!(estimate.limit_within(asked.amount, &asked, &priced(None), None), None);
    }

    #[test]
    fn a_price_without_output_sets_no_limit() {
        let estimate = Estimate { input_tokens: 100, output_limit: None, choices: 1 };
        let mut free = priced(None);
        std::sync::Arc::make_mut(&mut free.pinned.price).rates.output = Some(0);
        let asked = estimate.reservation(&free, None);
        assert_eq!(estimate.limit_within(nanos(1), &asked, &free, None), None);
    }
}
