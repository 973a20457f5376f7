//! How an account's refusal is written. The compiler holds this against the refusals that there are.

use domain::{NameError, account::AccountRefusal};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "AccountRefusal", rename_all = "snake_case")]
pub(super) enum RefusalView {
    Unknown,
    Exists,
    Closed,
    Nothing,
    #[serde(with = "NameView")]
    Reason(NameError),
    Insufficient {
        available_nanos: i64,
        needed_nanos: u64,
    },
    Unlimited,
    Full,
    Suspense,
    LeaseUsed,
    WindowOver,
    Leases,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "NameError", rename_all = "snake_case")]
enum NameView {
    Empty,
    TooLong(usize),
    Control,
}
