//! What happened to a token, as it is stored.

use std::{collections::BTreeSet, num::NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ApiTokenChange, ApiTokenSpec, HashedKey};
use crate::{AccountId, CallLimits, GroupName, ModelName, StoredEvent, TimeStamp, Upcast, UserId};

/// What happened to a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ApiTokenEvent {
    /// It was made.
    #[serde(rename = "token_issued")]
    Issued {
        /// All that was set on it.
        spec: Box<ApiTokenSpec>,
        /// The hash of its key.
        key: HashedKey,
    },
    /// Some of it was set anew.
    #[serde(rename = "token_changed")]
    Changed {
        /// Only what is different; `null` lifts a restriction.
        change: Box<ApiTokenChange>,
    },
    /// It has another key; the former admits nothing.
    #[serde(rename = "token_rotated")]
    Rotated {
        /// The hash of its new key.
        key: HashedKey,
    },
    /// It admits calls again.
    #[serde(rename = "token_enabled")]
    Enabled {},
    /// It admits no calls for now.
    #[serde(rename = "token_disabled")]
    Disabled {},
    /// It ended for good.
    #[serde(rename = "token_revoked")]
    Revoked {},
}

impl StoredEvent for ApiTokenEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "token_issued",
            Self::Changed { .. } => "token_changed",
            Self::Rotated { .. } => "token_rotated",
            Self::Enabled {} => "token_enabled",
            Self::Disabled {} => "token_disabled",
            Self::Revoked {} => "token_revoked",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            // 2 brought limits.
            Self::Issued { .. } | Self::Changed { .. } => 2,
            Self::Rotated { .. } | Self::Enabled {} | Self::Disabled {} | Self::Revoked {} => 1,
        }
    }

    fn upcasts() -> &'static [Upcast] {
        const STEPS: &[Upcast] = &[Upcast::additive("token_issued", 1), Upcast::additive("token_changed", 1)];
        STEPS
    }

    fn samples() -> Vec<Self> {
        let key = HashedKey { sha256: "ab".repeat(32), hint: "wxyz".into() };
        let spec = ApiTokenSpec {
            name: "first".into(),
            user_id: UserId(Uuid::from_u128(1)),
            account_id: AccountId(Uuid::from_u128(2)),
            limit_account_id: Some(AccountId(Uuid::from_u128(3))),
            models: ModelName::new("gpt-4o-mini").ok().map(|model| BTreeSet::from([model])),
            allowed_ips: Some(BTreeSet::from(["10.0.0.0/8".into()])),
            expires_at: Some(TimeStamp::from_micros(1_800_000_000_000_000)),
            group: Some(GroupName::default_group()),
            limits: Some(CallLimits { tokens_per_minute: NonZeroU32::new(10_000), ..CallLimits::NONE }),
        };
        let change = ApiTokenChange {
            models: Some(None),
            name: Some("second".into()),
            limits: Some(None),
            ..Default::default()
        };
        vec![
            Self::Issued { spec: Box::new(spec), key: key.clone() },
            Self::Changed { change: Box::new(change) },
            Self::Rotated { key },
            Self::Enabled {},
            Self::Disabled {},
            Self::Revoked {},
        ]
    }
}
