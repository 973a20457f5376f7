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
        let base = tier.map_or(self.rates, |tier| tier.rates.over(&self.rates));
        match service_tier.and_then(|name| self.service_tiers.get(name)) {
            Some(rates) => rates.over(&base),
            None => base,
        }
    }
}

impl Pinned {
    /// What `usage` costs.
    pub fn bill(&self, usage: &Usage, service_tier: Option<&str>) -> Nanos {
        self.rounded(match self.price.per_call {
            Some(picos) => u128::from(picos),
            None => sum(&self.price.rates_for(usage.input_tokens, service_tier), usage),
        })
    }

    /// The most that a call with at most these counts can cost, whatever their details turn out to be.
    pub fn estimate(
        &self,
        input_tokens_max: u64,
        output_tokens_max: u64,
        service_tier: Option<&str>,
    ) -> Nanos {
        if let Some(picos) = self.price.per_call {
            return self.rounded(u128::from(picos));
        }
        // A shorter input may fall into a tier with a dearer rate: each that it could reach is looked at.
        let reached = self.price.tiers.iter().map(|tier| tier.above_input_tokens.saturating_add(1));
        let dearest = reached
            .filter(|tokens| *tokens <= input_tokens_max)
            .chain([0, input_tokens_max])
            .map(|tokens| {
                dearest(&self.price.rates_for(tokens, service_tier), input_tokens_max, output_tokens_max)
            })
            .max();
        self.rounded(dearest.unwrap_or(0))
    }

    /// The most output tokens that `amount` covers beside `input_tokens`; `None` where output costs nothing.
    pub fn output_tokens_within(
        &self,
        amount: Nanos,
        input_tokens: u64,
        service_tier: Option<&str>,
    ) -> Option<u64> {
        if self.estimate(input_tokens, 0, service_tier)
            == self.estimate(input_tokens, COUNT_MAX, service_tier)
        {
            return None;
        }
        // The estimate only rises with the output: the last count it covers is found by halving.
        let (mut fits, mut exceeds) = (0, COUNT_MAX);
        while exceeds - fits > 1 {
            let middle = fits + (exceeds - fits) / 2;
            if self.estimate(input_tokens, middle, service_tier) <= amount {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        Some(fits)
    }

    fn rounded(&self, picos: u128) -> Nanos {
        let ratio = u128::from(self.ratio.millionths());
        Nanos::saturating((picos.saturating_mul(ratio)).div_ceil(MILLION * PICOS_PER_NANO))
    }
}

fn times(count: u64, rate: Option<u64>) -> u128 {
    u128::from(count.min(COUNT_MAX)) * u128::from(rate.unwrap_or(0))
}

/// Each detail is priced once, and together they are never more than the total they are part of.
fn parts(total: u64, plain: Option<u64>, details: &[(u64, Option<u64>)]) -> u128 {
    let mut left = total;
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
    let units = times(usage.images, rates.image)
        + times(usage.seconds, rates.second)
        + times(usage.characters, rates.character)
        + times(usage.searches, rates.search)
        + times(usage.pages, rates.page)
        + times(1, rates.request);
    input + output + units
}

fn dearest(rates: &Rates, input_tokens: u64, output_tokens: u64) -> u128 {
    let input = [
        rates.input,
        rates.cache_read,
        rates.cache_write,
        rates.cache_write_1h,
        rates.audio_input,
        rates.image_input,
    ];
    let output = [rates.output, rates.reasoning, rates.audio_output, rates.image_output];
    let most = |rates: &[Option<u64>]| rates.iter().flatten().max().copied();
    times(input_tokens, most(&input)) + times(output_tokens, most(&output)) + times(1, rates.request)
}
