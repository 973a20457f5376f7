//! Windows of time, in UTC.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{AccountId, BudgetId, TimeStamp};

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From a first to the next.
    Month,
    /// Always: it has one window.
    Total,
}

/// A stretch of time in which a budget may be spent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// How long it is.
    pub period: Period,
    /// Its first moment.
    pub starts_at: TimeStamp,
    /// The first moment after it; absent where it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<TimeStamp>,
}

impl Period {
    /// The window that `at` lies in.
    pub fn window(self, at: TimeStamp) -> Window {
        let micros = at.micros();
        let day = micros.div_euclid(DAY_MICROS);
        let days = |from: i64, length: i64| (from * DAY_MICROS, length * DAY_MICROS);
        let (start, length) = match self {
            Self::Total => return Window { period: self, starts_at: TimeStamp::default(), ends_at: None },
            Self::Hour => (micros.div_euclid(HOUR_MICROS) * HOUR_MICROS, HOUR_MICROS),
            Self::Day => days(day, 1),
            // The first day of 1970 was a Thursday.
            Self::Week => days(day - (day + 3).rem_euclid(7), 7),
            Self::Month => {
                let date = moment(at).date();
                let length = date.month().length(date.year());
                days(day - i64::from(date.day()) + 1, length.into())
            }
        };
        let [starts_at, ends_at] = [start, start.saturating_add(length)].map(TimeStamp::from_micros);
        Window { period: self, starts_at, ends_at: Some(ends_at) }
    }
}

impl Window {
    /// The one after it; `None` where it never ends.
    pub fn next(&self) -> Option<Self> {
        self.ends_at.map(|ends_at| self.period.window(ends_at))
    }

    /// How many milliseconds are left of it; `None` where it never ends.
    pub fn left_ms(&self, now: TimeStamp) -> Option<u64> {
        let left = self.ends_at?.micros().saturating_sub(now.micros());
        Some(u64::try_from(left / 1_000).unwrap_or(0))
    }
}

/// Its name: `2026-11-24T08`, `2026-11-24`, `2026-W48`, `2026-11` or `total`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = moment(self.starts_at);
        let (date, hour) = (start.date(), start.hour());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        match self.period {
            Period::Hour => write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}"),
            Period::Day => write!(f, "{year:04}-{month:02}-{day:02}"),
            Period::Week => {
                let (year, week, _) = date.to_iso_week_date();
                write!(f, "{year:04}-W{week:02}")
            }
            Period::Month => write!(f, "{year:04}-{month:02}"),
            Period::Total => f.write_str("total"),
        }
    }
}

impl BudgetId {
    /// The account of one of its windows: everyone who knows the budget and the time knows the account.
    pub fn account_in(self, window: &Window) -> AccountId {
        AccountId(Uuid::new_v5(&self.0, window.to_string().as_bytes()))
    }
}

/// A time stamp is always within the years that this holds.
fn moment(at: TimeStamp) -> OffsetDateTime {
    let nanos = i128::from(at.micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
