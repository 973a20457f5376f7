//! What admins, account holders and auditors ask for.

pub(crate) mod accounts;
pub(crate) mod apply;
pub(crate) mod auth;
pub(crate) mod budgets;
pub(crate) mod calls;
pub(crate) mod channels;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod me;
pub(crate) mod models;
pub(crate) mod nodes;
pub(crate) mod prices;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod users;

use domain::TimeStamp;
use uuid::Uuid;

/// When an id was made: every id of ours is a UUIDv7, and says so itself.
fn made_at(id: Uuid) -> Option<TimeStamp> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(TimeStamp::from_micros(micros.checked_add(i64::from(nanos / 1_000))?))
}
