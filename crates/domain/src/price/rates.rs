//! The shape of a price.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The largest rate, in picodollars: about nine thousand dollars per token or unit.
pub const PICOS_MAX: u64 = crate::AMOUNT_MAX;

/// What one model costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What holds where nothing below says otherwise.
    #[serde(default)]
    pub rates: Rates,
    /// Other rates for long inputs; they hold for the whole call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Other rates by service tier, such as `flex` or `priority`. They are those of short inputs: where a tier
    /// above changes a rate, it changes these in the same proportion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_tiers: BTreeMap<String, Rates>,
    /// A fixed price per call, in picodollars, instead of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "picos")]
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub per_call: Option<u64>,
}

/// Rates that hold above a length of input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Holds for calls with more input tokens than this.
    pub above_input_tokens: u64,
    /// The rates that differ.
    pub rates: Rates,
}

macro_rules! rates {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Picodollars per token or unit. What is absent falls back: cache and audio and image input to input,
        /// reasoning and audio and image output to output; an absent unit is free.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Rates {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "picos")]
                #[schemars(range(max = 9_007_199_254_740_991_u64))]
                pub $name: Option<u64>,
            )*
        }

        impl Rates {
            /// These, where they say something, over `base`.
            #[must_use]
            pub fn over(&self, base: &Self) -> Self {
                Self { $($name: self.$name.or(base.$name),)* }
            }

            /// These, which were set beside `base`, over the rates of a long input.
            #[must_use]
            pub(super) fn over_long(&self, long: &Self, base: &Self) -> Self {
                Self { $($name: in_proportion(self.$name, long.$name, base.$name),)* }
            }

            /// The rate of that name.
            pub(super) fn named_mut(&mut self, name: &str) -> Option<&mut Option<u64>> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// Whether they say nothing.
            pub fn is_empty(&self) -> bool {
                *self == Self::default()
            }
        }
    };
}

rates! {
    /// Per input token.
    input,
    /// Per output token.
    output,
    /// Per input token read from the provider's cache.
    cache_read,
    /// Per input token written to the provider's cache for five minutes.
    cache_write,
    /// Per input token written to the provider's cache for an hour.
    cache_write_1h,
    /// Per output token of reasoning.
    reasoning,
    /// Per input token of audio.
    audio_input,
    /// Per output token of audio.
    audio_output,
    /// Per input token of images.
    image_input,
    /// Per output token of images.
    image_output,
    /// Per image.
    image,
    /// Per second of audio or video.
    second,
    /// Per character of text.
    character,
    /// Per web search.
    search,
    /// Per page of a document.
    page,
    /// Per request, beside everything else.
    request,
}

/// A rate for a service, as much above or below `long` as it is above or below `base`, rounded up.
fn in_proportion(service: Option<u64>, long: Option<u64>, base: Option<u64>) -> Option<u64> {
    match (service, long, base) {
        (Some(service), Some(long), Some(base)) if base > 0 => {
            let picos = (u128::from(service) * u128::from(long)).div_ceil(u128::from(base));
            Some(u64::try_from(picos).map_or(PICOS_MAX, |picos| picos.min(PICOS_MAX)))
        }
        (service, long, _) => service.or(long),
    }
}

fn picos<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<u64>::deserialize(deserializer)? {
        Some(rate) if rate > PICOS_MAX => {
            Err(D::Error::custom(format!("a rate is 0 to {PICOS_MAX} picodollars, not {rate}")))
        }
        rate => Ok(rate),
    }
}
