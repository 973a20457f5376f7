//! What the business means: aggregates, commands, events, refusals, money, prices.
//!
//! Everything here is pure: no I/O, no clock, no chance. Ids and times are handed in.

mod aggregate;
mod call_counts;
mod call_limits;
mod ids;
mod money;
mod names;
mod refusal;
mod sealed;
mod time_stamp;
mod upcast;

pub mod account;
pub mod api_token;
pub mod budget;
pub mod channel;
pub mod group;
pub mod journal;
pub mod login;
pub mod node;
pub mod nullable;
pub mod price;
pub mod price_list;
pub mod session;
pub mod settings;
pub mod testing;
pub mod trace;
pub mod user;

pub use aggregate::{Aggregate, Log, StoredEvent};
pub use call_counts::{CallCounts, SLOT_MS, SLOTS};
pub use call_limits::CallLimits;
pub use ids::{
    AccountId, AdminKeyId, ApiTokenId, BudgetId, CallId, ChannelId, ChannelKeyId, CommandId, HoldId,
    JournalId, LeaseId, NodeId, SessionId, UserId,
};
pub use money::{AMOUNT_MAX, AmountOutOfRange, Nanos};
pub use names::{GroupName, ModelName, NAME_BYTES_MAX, NameError};
pub use refusal::Refusal;
pub use sealed::Sealed;
pub use time_stamp::TimeStamp;
pub use upcast::{Upcast, UpcastError};
