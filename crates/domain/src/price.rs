//! What a call costs: integer picodollars per token and per unit, summed exactly and rounded up once.

mod bill;
mod rates;
#[cfg(test)]
mod tests;
mod usage;

pub mod catalogue;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    catalogue::{CatalogueEntry, EDITION, ModelMode},
    rates::{PICOS_MAX, Price, Rates, Tier},
    usage::Usage,
};

/// The largest ratio, ×1000.
pub const RATIO_MILLIONTHS_MAX: u32 = 1_000_000_000;

/// What a group pays relative to the price, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ratio(#[schemars(range(max = 1_000_000_000))] u32);

/// A ratio above ×1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ratio is 0 to {RATIO_MILLIONTHS_MAX} millionths, not {0}")]
pub struct RatioOutOfRange(u32);

impl Ratio {
    /// The price as it stands.
    pub const ONE: Self = Self(1_000_000);

    /// How many millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u32> for Ratio {
    type Error = RatioOutOfRange;
    fn try_from(millionths: u32) -> Result<Self, RatioOutOfRange> {
        if millionths > RATIO_MILLIONTHS_MAX {
            Err(RatioOutOfRange(millionths))
        } else {
            Ok(Self(millionths))
        }
    }
}

impl From<Ratio> for u32 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

/// Where a price comes from: an immutable version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// The catalogue that is built in.
    Builtin {
        /// Which edition of it.
        edition: String,
    },
    /// The operator's list.
    List {
        /// The list's version that set it.
        version: u32,
    },
    /// The price of models that nothing else knows.
    Default {
        /// The settings' version that set it.
        version: u32,
    },
}

impl Default for PriceSource {
    fn default() -> Self {
        Self::Builtin { edition: EDITION.into() }
    }
}

/// The price under which a call was reserved: settle, in-doubt and late charges use exactly this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pinned {
    // Many calls share it.
    /// The price.
    pub price: Arc<Price>,
    /// Where it comes from.
    pub source: PriceSource,
    /// What the caller's group pays of it.
    pub ratio: Ratio,
}
