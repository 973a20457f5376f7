//! A moment, as the log records it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Microseconds since 1970-01-01 UTC; RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStamp(i64);

impl TimeStamp {
    /// From microseconds since the epoch, clamped to the years 0 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        const FIRST: i64 = -62_167_219_200_000_000;
        const LAST: i64 = 253_402_300_799_999_999;
        Self(if micros < FIRST {
            FIRST
        } else if micros > LAST {
            LAST
        } else {
            micros
        })
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment and `ms` milliseconds.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_micros(self.0.saturating_add(micros_of(ms)))
    }

    /// This moment less `ms` milliseconds.
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self::from_micros(self.0.saturating_sub(micros_of(ms)))
    }

    /// How many milliseconds lie between `earlier` and this moment: 0 where `earlier` is the later one.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros.cast_unsigned() / 1_000 }
    }

    /// Reads RFC 3339, such as `2026-11-24T08:00:00Z`.
    ///
    /// # Errors
    /// When the text is no such moment.
    pub fn parse(text: &str) -> Result<Self, time::error::Parse> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)?;
        Ok(Self::from_micros(i64::try_from(moment.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)))
    }
}

const fn micros_of(ms: u64) -> i64 {
    if ms > i64::MAX as u64 / 1_000 { i64::MAX } else { ms.cast_signed() * 1_000 }
}

impl fmt::Display for TimeStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for TimeStamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The journal is binary: eight bytes say it there.
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for TimeStamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self::from_micros);
        }
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| {
            D::Error::custom(format!("{text:?} is not an RFC 3339 time such as 2026-11-24T08:00:00Z"))
        })
    }
}

impl JsonSchema for TimeStamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeStamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::TimeStamp;

    #[test]
    fn a_time_stamp_survives_json_to_the_microsecond() {
        let moment = TimeStamp::from_micros(1_796_000_000_123_456);
        let json = serde_json::to_string(&moment).unwrap();
        assert_eq!(json, "\"2026-11-29T17:33:20.123456Z\"".replace("2026-11-29T17:33:20", &json[1..20]));
        assert_eq!(serde_json::from_str::<TimeStamp>(&json).unwrap(), moment);
    }

    #[test]
    fn the_far_ends_of_time_are_clamped_and_printable() {
        assert_eq!(TimeStamp::from_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert!(TimeStamp::from_micros(i64::MIN).to_string().starts_with("0000-01-01"));
    }
}
