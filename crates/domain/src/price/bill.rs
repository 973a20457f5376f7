//! The bill: summed in `u128`, rounded up once.

use super::{Pinned, Price, Rates, Usage};
use crate::Nanos;

/// No real count comes near it; it keeps every sum far inside `u128`.
const COUNT_MAX: u64 = 1 << 40;
const PICOS_PER_NANO: u128 = 1_000;
const MILLION: u128 = 1_000_000;

impl Price {
    /// The rates of a call of that length and service tier.
    pub fn rates_for(&self, input_tokens: u64, service_tier: Option<&str>) -> Rates {
        let tier = self
            .tiers
            .iter()
            .filter(|tier| input_tokens > tier.above_input_tokens)
            .max_by_key(|tier| tier.above_input_tokens);
        let long = tier.map_or(self.rates, |tier| tier.rates.over(&self.rates));
        match service_tier.and_then(|name| self.service_tiers.get(name)) {
            Some(rates) => rates.over_long(&long, &self.rates),
            None => long,
        }
    }

    /// What a middling call costs in picodollars: a measure of which of two prices is the dearer.
    pub(super) fn typical(&self) -> u128 {
        dearest(&self.rates, &Usage { input_tokens: 1_000, output_tokens: 1_000, ..ONE_OF_EACH })
    }
}

const ONE_OF_EACH: Usage =
    Usage { images: 1, seconds: 1, characters: 1, searches: 1, pages: 1, ..Usage::NONE };

impl Pinned {
    /// What `usage` costs.
    pub fn bill(&self, usage: &Usage, service_tier: Option<&str>) -> Nanos {
        rounded(self.shared(match self.price.per_call {
            Some(picos) => u128::from(picos),
            None => sum(&self.price.rates_for(usage.input_tokens, service_tier), usage),
        }))
    }

    /// The most that a call with at most these tokens can cost, whatever their details turn out to be.
    pub fn estimate(
        &self,
        input_tokens_max: u64,
        output_tokens_max: u64,
        service_tier: Option<&str>,
    ) -> Nanos {
        let most = Usage { input_tokens: input_tokens_max, output_tokens: output_tokens_max, ..Usage::NONE };
        self.estimate_of(&most, service_tier)
    }

    /// The most that a call can cost whose totals and units are at most those of `most`, whatever the details
    /// of its tokens turn out to be.
    pub fn estimate_of(&self, most: &Usage, service_tier: Option<&str>) -> Nanos {
        rounded(self.estimated(most, service_tier))
    }

    /// The most output tokens that `amount` covers beside `input_tokens`; `None` where output costs nothing.
    pub fn output_tokens_within(
        &self,
        amount: Nanos,
        input_tokens: u64,
        service_tier: Option<&str>,
    ) -> Option<u64> {
        let estimated = |output_tokens| {
            self.estimated(&Usage { input_tokens, output_tokens, ..Usage::NONE }, service_tier)
        };
        // Not compared as amounts: two that are both beyond the largest would look alike.
        if estimated(0) == estimated(COUNT_MAX) {
            return None;
        }
        // The estimate only rises with the output: the last count it covers is found by halving.
        let (mut fits, mut exceeds) = (0, COUNT_MAX);
        while exceeds - fits > 1 {
            let middle = fits + (exceeds - fits) / 2;
            if rounded(estimated(middle)) <= amount {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        Some(fits)
    }

    fn estimated(&self, most: &Usage, service_tier: Option<&str>) -> u128 {
        if let Some(picos) = self.price.per_call {
            return self.shared(u128::from(picos));
        }
        // A shorter input may fall into a tier with a dearer rate: each that it could reach is looked at.
        let reached = self.price.tiers.iter().map(|tier| tier.above_input_tokens.saturating_add(1));
        let dearest = reached
            .filter(|tokens| *tokens <= most.input_tokens)
            .chain([0, most.input_tokens])
            .map(|tokens| dearest(&self.price.rates_for(tokens, service_tier), most))
            .max();
        self.shared(dearest.unwrap_or(0))
    }

    /// What the group pays of it, in millionths of a picodollar.
    fn shared(&self, picos: u128) -> u128 {
        picos.saturating_mul(u128::from(self.ratio.millionths()))
    }
}

fn rounded(millionths: u128) -> Nanos {
    Nanos::saturating(millionths.div_ceil(MILLION * PICOS_PER_NANO))
}

fn times(count: u64, rate: Option<u64>) -> u128 {
    u128::from(count.min(COUNT_MAX)) * u128::from(rate.unwrap_or(0))
}

/// Each detail is priced once, and together they are never more than the total they are part of.
fn parts(total: u64, plain: Option<u64>, details: &[(u64, Option<u64>)]) -> u128 {
    let mut left = total.min(COUNT_MAX);
    let mut picos = 0;
    for (count, rate) in details {
        let count = left.min(*count);
        left -= count;
        picos += times(count, rate.or(plain));
    }
    picos + times(left, plain)
}

fn sum(rates: &Rates, usage: &Usage) -> u128 {
    let cache_write_1h = rates.cache_write_1h.or(rates.cache_write);
    let input = parts(
        usage.input_tokens,
        rates.input,
        &[
            (usage.cache_read_tokens, rates.cache_read),
            (usage.cache_write_1h_tokens, cache_write_1h),
            (usage.cache_write_tokens, rates.cache_write),
            (usage.audio_input_tokens, rates.audio_input),
            (usage.image_input_tokens, rates.image_input),
        ],
    );
    let output = parts(
        usage.output_tokens,
        rates.output,
        &[
            (usage.reasoning_tokens, rates.reasoning),
            (usage.audio_output_tokens, rates.audio_output),
            (usage.image_output_tokens, rates.image_output),
        ],
    );
    input + output + units(rates, usage)
}

fn units(rates: &Rates, usage: &Usage) -> u128 {
    times(usage.images, rates.image)
        + times(usage.seconds, rates.second)
        + times(usage.characters, rates.character)
        + times(usage.searches, rates.search)
        + times(usage.pages, rates.page)
        + times(1, rates.request)
}

fn dearest(rates: &Rates, most: &Usage) -> u128 {
    let input = [
        rates.input,
        rates.cache_read,
        rates.cache_write,
        rates.cache_write_1h,
        rates.audio_input,
        rates.image_input,
    ];
    let output = [rates.output, rates.reasoning, rates.audio_output, rates.image_output];
    let highest = |rates: &[Option<u64>]| rates.iter().flatten().max().copied();
    times(most.input_tokens, highest(&input))
        + times(most.output_tokens, highest(&output))
        + units(rates, most)
}
