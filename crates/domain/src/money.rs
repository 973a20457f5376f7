//! Money: whole nano-dollars, never negative, never a float.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

/// The largest number that JSON readers carry exactly, 2⁵³ − 1: about nine million dollars.
pub const AMOUNT_MAX: u64 = (1 << 53) - 1;

/// An amount of money in billionths of a US dollar, 0 to [`AMOUNT_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Nanos(u64);

/// An amount that no event can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an amount must be a whole number of nano-dollars from 0 to {AMOUNT_MAX}")]
pub struct AmountOutOfRange;

impl Nanos {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(AMOUNT_MAX);

    /// `nanos` as an amount.
    ///
    /// # Errors
    /// When it is above [`AMOUNT_MAX`].
    pub const fn new(nanos: u64) -> Result<Self, AmountOutOfRange> {
        if nanos > AMOUNT_MAX { Err(AmountOutOfRange) } else { Ok(Self(nanos)) }
    }

    /// `nanos`, or [`Nanos::MAX`] where it is more.
    pub const fn saturating(nanos: u128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "not above AMOUNT_MAX here")]
        if nanos > AMOUNT_MAX as u128 { Self::MAX } else { Self(nanos as u64) }
    }

    /// Whole dollars.
    pub const fn from_dollars(dollars: u32) -> Self {
        Self::saturating(dollars as u128 * 1_000_000_000)
    }

    /// The number of nano-dollars.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, at most [`Nanos::MAX`].
    pub const fn plus(self, other: Self) -> Self {
        Self::saturating(self.0 as u128 + other.0 as u128)
    }

    /// What is left after `other` is taken, at least nothing.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl std::fmt::Display for Nanos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Nanos {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Nanos".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer", "format": "int64", "minimum": 0, "maximum": AMOUNT_MAX,
            "description": "Billionths of a US dollar."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AMOUNT_MAX, Nanos};

    #[test]
    fn an_amount_above_what_json_carries_exactly_is_refused() {
        assert!(Nanos::new(AMOUNT_MAX).is_ok());
        assert!(Nanos::new(AMOUNT_MAX + 1).is_err());
        assert!(serde_json::from_str::<Nanos>("9007199254740992").is_err());
        assert!(serde_json::from_str::<Nanos>("-1").is_err());
        assert!(serde_json::from_str::<Nanos>("1.5").is_err());
    }

    #[test]
    fn sums_stop_at_the_largest_amount_and_differences_at_nothing() {
        assert_eq!(Nanos::MAX.plus(Nanos::from_dollars(1)), Nanos::MAX);
        assert_eq!(Nanos::ZERO.minus(Nanos::MAX), Nanos::ZERO);
    }
}
