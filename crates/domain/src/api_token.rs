//! A credential of an API client.

mod events;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::events::ApiTokenEvent;
use crate::{AccountId, Aggregate, CallLimits, GroupName, Log, ModelName, TimeStamp, UserId};

/// The most models and addresses a token may list.
pub const LISTED_MAX: usize = 1_024;

/// SHA-256 of the key in hexadecimal, with what people may see of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HashedKey {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// The key's last four characters.
    pub hint: String,
}

/// Everything that is set on a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiTokenSpec {
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub user_id: UserId,
    /// Who pays.
    pub account_id: AccountId,
    /// The account that limits this token, where it has a quota of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_account_id: Option<AccountId>,
    /// What it may ask for; absent means anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<BTreeSet<ModelName>>,
    /// Addresses and networks (`10.0.0.0/8`) it may come from; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_ips: Option<BTreeSet<String>>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<TimeStamp>,
    /// Calls as this group instead of its user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The most that it may ask for; absent means as much as its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CallLimits>,
}

/// What is to be different: `None` leaves it, `Some(None)` lifts the restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiTokenChange {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<BTreeSet<ModelName>>")]
    pub models: Option<Option<BTreeSet<ModelName>>>,
    /// Where it may come from.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<BTreeSet<String>>")]
    pub allowed_ips: Option<Option<BTreeSet<String>>>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<TimeStamp>")]
    pub expires_at: Option<Option<TimeStamp>>,
    /// Calls as this group.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<GroupName>")]
    pub group: Option<Option<GroupName>>,
    /// The most that it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<CallLimits>")]
    pub limits: Option<Option<CallLimits>>,
}

/// What is asked of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiTokenCommand {
    /// Makes it.
    Issue {
        /// All that is set on it.
        spec: Box<ApiTokenSpec>,
        /// The hash of its key.
        key: HashedKey,
    },
    /// Sets some of it anew.
    Change(Box<ApiTokenChange>),
    /// Puts another key in the place of the one it has.
    Rotate(HashedKey),
    /// Admits calls again.
    Enable,
    /// Admits no calls for now.
    Disable,
    /// Ends it for good.
    Revoke,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiTokenRefusal {
    /// There is none of that id.
    #[error("there is no such token")]
    Unknown,
    /// The id is taken.
    #[error("a token of that id was issued before")]
    AlreadyIssued,
    /// It was revoked: nothing brings it back.
    #[error("the token is revoked; issue a new one")]
    Revoked,
    /// The name cannot be one.
    #[error("`name`: {0}")]
    Name(#[from] crate::NameError),
    /// An empty or overlong list.
    #[error("`{field}` must list 1 to {LISTED_MAX} entries, or be left out for any")]
    Listed {
        /// Which one.
        field: &'static str,
    },
    /// Not an address or a network.
    #[error("`allowed_ips`: {0:?} is neither an IP address nor a network such as 10.0.0.0/8")]
    Address(String),
}

/// A token, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiToken {
    /// Never made.
    #[default]
    Unissued,
    /// Made, and not ended.
    Issued {
        /// What is set on it.
        spec: Box<ApiTokenSpec>,
        /// Whether it admits calls for now.
        status: ApiTokenStatus,
    },
    /// Ended for good.
    Revoked,
}

/// Whether a token that was not revoked admits calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiTokenStatus {
    /// It does.
    Enabled,
    /// It does not for now.
    Disabled,
}

impl ApiTokenSpec {
    /// This, with `change` made.
    #[must_use]
    pub fn changed(mut self, change: &ApiTokenChange) -> Self {
        fn set<T: Clone>(field: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                field.clone_from(new);
            }
        }
        set(&mut self.name, change.name.as_ref());
        set(&mut self.models, change.models.as_ref());
        set(&mut self.allowed_ips, change.allowed_ips.as_ref());
        set(&mut self.expires_at, change.expires_at.as_ref());
        set(&mut self.group, change.group.as_ref());
        set(&mut self.limits, change.limits.as_ref());
        self
    }

    fn check(&self) -> Result<(), ApiTokenRefusal> {
        crate::names::check(&self.name)?;
        listed("models", self.models.as_ref().map(BTreeSet::len))?;
        listed("allowed_ips", self.allowed_ips.as_ref().map(BTreeSet::len))?;
        match self.allowed_ips.iter().flatten().find(|text| Network::parse(text).is_none()) {
            Some(text) => Err(ApiTokenRefusal::Address(text.clone())),
            None => Ok(()),
        }
    }
}

fn listed(field: &'static str, count: Option<usize>) -> Result<(), ApiTokenRefusal> {
    match count {
        None | Some(1..=LISTED_MAX) => Ok(()),
        Some(_) => Err(ApiTokenRefusal::Listed { field }),
    }
}

/// An IP address or a block of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    first: std::net::IpAddr,
    bits: u32,
}

/// As [`Network::parse`] reads it.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let first: std::net::IpAddr = address.parse().ok()?;
        let widest = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(widest);
        (bits <= widest).then_some(Self { first, bits })
    }

    /// Whether `address` lies in it; an IPv4 address mapped into IPv6 counts as the former.
    pub fn contains(self, address: std::net::IpAddr) -> bool {
        let (first, address) = (self.first.to_canonical(), address.to_canonical());
        match (first, address) {
            (std::net::IpAddr::V4(a), std::net::IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(32_u32.saturating_sub(self.bits)).unwrap_or(0) == 0
            }
            (std::net::IpAddr::V6(a), std::net::IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(128_u32.saturating_sub(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Aggregate for ApiToken {
    const KIND: &'static str = "token";
    const LOG: Log = Log::Control;
    type Command = ApiTokenCommand;
    type Event = ApiTokenEvent;
    type Refusal = ApiTokenRefusal;

    fn decide(&self, command: ApiTokenCommand) -> Result<Vec<ApiTokenEvent>, ApiTokenRefusal> {
        use ApiTokenCommand as C;
        use ApiTokenStatus as S;
        match (self, command) {
            (Self::Unissued, C::Issue { spec, key }) => {
                spec.check()?;
                Ok(vec![ApiTokenEvent::Issued { spec, key }])
            }
            (Self::Issued { .. } | Self::Revoked, C::Issue { .. }) => Err(ApiTokenRefusal::AlreadyIssued),
            (Self::Unissued, _) => Err(ApiTokenRefusal::Unknown),
            (Self::Revoked, C::Revoke) => Ok(Vec::new()),
            (Self::Revoked, _) => Err(ApiTokenRefusal::Revoked),
            (Self::Issued { spec, .. }, C::Change(change)) => decide_change(spec, change),
            (Self::Issued { .. }, C::Rotate(key)) => Ok(vec![ApiTokenEvent::Rotated { key }]),
            (Self::Issued { status: S::Enabled, .. }, C::Enable)
            | (Self::Issued { status: S::Disabled, .. }, C::Disable) => Ok(Vec::new()),
            (Self::Issued { .. }, C::Enable) => Ok(vec![ApiTokenEvent::Enabled {}]),
            (Self::Issued { .. }, C::Disable) => Ok(vec![ApiTokenEvent::Disabled {}]),
            (Self::Issued { .. }, C::Revoke) => Ok(vec![ApiTokenEvent::Revoked {}]),
        }
    }

    fn evolve(&mut self, event: &ApiTokenEvent) {
        match (event, &mut *self) {
            (ApiTokenEvent::Issued { spec, .. }, _) => {
                *self = Self::Issued { spec: spec.clone(), status: ApiTokenStatus::Enabled };
            }
            (ApiTokenEvent::Revoked {}, _) => *self = Self::Revoked,
            (ApiTokenEvent::Changed { change }, Self::Issued { spec, .. }) => {
                **spec = (**spec).clone().changed(change);
            }
            (ApiTokenEvent::Enabled {}, Self::Issued { status, .. }) => *status = ApiTokenStatus::Enabled,
            (ApiTokenEvent::Disabled {}, Self::Issued { status, .. }) => *status = ApiTokenStatus::Disabled,
            // Keys are looked up by hash in the read model; no decision needs them.
            (_, Self::Unissued | Self::Revoked) | (ApiTokenEvent::Rotated { .. }, _) => {}
        }
    }
}

fn decide_change(
    spec: &ApiTokenSpec,
    change: Box<ApiTokenChange>,
) -> Result<Vec<ApiTokenEvent>, ApiTokenRefusal> {
    let changed = spec.clone().changed(&change);
    if changed == *spec {
        return Ok(Vec::new());
    }
    changed.check()?;
    Ok(vec![ApiTokenEvent::Changed { change }])
}
