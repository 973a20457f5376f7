//! What happened to a channel, as it is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ChannelChange, ChannelKey, ChannelSpec, DisabledBy};
use crate::{CallLimits, ChannelKeyId, GroupName, ModelName, Sealed, StoredEvent, Upcast};

/// What happened to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ChannelEvent {
    /// It was made.
    #[serde(rename = "channel_created")]
    Created {
        /// All that was set on it.
        spec: Box<ChannelSpec>,
    },
    /// Some of it was set anew.
    #[serde(rename = "channel_changed")]
    Changed {
        /// Only what is different.
        change: Box<ChannelChange>,
    },
    /// All its keys were replaced.
    #[serde(rename = "channel_keys_rotated")]
    KeysRotated {
        /// The keys from now on.
        keys: Vec<ChannelKey>,
    },
    /// It takes calls again.
    #[serde(rename = "channel_enabled")]
    Enabled {},
    /// It takes no more calls.
    #[serde(rename = "channel_disabled")]
    Disabled {
        /// Who or what said so.
        by: DisabledBy,
    },
    /// It ended.
    #[serde(rename = "channel_deleted")]
    Deleted {},
}

impl StoredEvent for ChannelEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Created { .. } => "channel_created",
            Self::Changed { .. } => "channel_changed",
            Self::KeysRotated { .. } => "channel_keys_rotated",
            Self::Enabled {} => "channel_enabled",
            Self::Disabled { .. } => "channel_disabled",
            Self::Deleted {} => "channel_deleted",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            // 2 brought limits.
            Self::Created { .. } | Self::Changed { .. } => 2,
            Self::KeysRotated { .. } | Self::Enabled {} | Self::Disabled { .. } | Self::Deleted {} => 1,
        }
    }

    fn upcasts() -> &'static [Upcast] {
        const STEPS: &[Upcast] =
            &[Upcast::additive("channel_created", 1), Upcast::additive("channel_changed", 1)];
        STEPS
    }

    fn samples() -> Vec<Self> {
        let Some(model) = ModelName::new("gpt-4o-mini").ok() else { return Vec::new() };
        let key = ChannelKey {
            key_id: ChannelKeyId(Uuid::from_u128(7)),
            secret: Sealed("v1.sample".into()),
            hint: "wxyz".into(),
        };
        let spec = ChannelSpec {
            name: "first".into(),
            provider: "example".into(),
            base_url: Some("https://provider.example/v1".into()),
            keys: vec![key.clone()],
            models: BTreeSet::from([model.clone()]),
            model_map: BTreeMap::from([(model.clone(), model)]),
            groups: BTreeSet::from([GroupName::default_group()]),
            priority: 0,
            weight: 1,
            limits: Some(CallLimits { concurrent_calls: NonZeroU32::new(8), ..CallLimits::NONE }),
        };
        let cleared = ChannelChange {
            base_url: Some(None),
            weight: Some(2),
            limits: Some(None),
            ..ChannelChange::default()
        };
        vec![
            Self::Created { spec: Box::new(spec) },
            Self::Changed { change: Box::new(cleared) },
            Self::KeysRotated { keys: vec![key] },
            Self::Enabled {},
            Self::Disabled { by: DisabledBy::Admin },
            Self::Deleted {},
        ]
    }
}
