//! A channel as admins see it: of its keys only the last characters.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    CallLimits, ChannelId, ChannelKeyId, GroupName, ModelName, TimeStamp,
    channel::{ChannelSpec, DisabledBy},
};
use projections::{Stored, channels::ChannelRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{admin::made_at, openapi::LimitsSchema};

/// Whether a channel takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChannelStatus {
    /// It does.
    Enabled,
    /// It does not for now.
    Disabled,
}

/// One credential of a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelKeyView {
    #[schema(value_type = uuid::Uuid)]
    id: ChannelKeyId,
    /// Its last four characters.
    #[schema(example = "9f2c")]
    hint: String,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelView {
    #[schema(value_type = uuid::Uuid)]
    id: ChannelId,
    /// What people call it.
    #[schema(example = "main")]
    name: String,
    /// The entry of the provider catalogue.
    #[schema(example = "openai_compatible")]
    provider: String,
    /// Overrides the provider's own.
    #[schema(example = "https://provider.example/v1", required = true)]
    base_url: Option<String>,
    keys: Vec<ChannelKeyView>,
    /// What it serves, as API clients name it.
    #[schema(value_type = Vec<String>, example = json!(["gpt-4o-mini"]))]
    models: BTreeSet<ModelName>,
    /// Requested name to the provider's name, where they differ.
    #[schema(value_type = BTreeMap<String, String>)]
    model_map: BTreeMap<ModelName, ModelName>,
    /// Whom it serves.
    #[schema(value_type = Vec<String>, example = json!(["default"]))]
    groups: BTreeSet<GroupName>,
    /// Higher tiers are tried first.
    priority: i32,
    /// Its share within its tier.
    weight: u32,
    /// The most that it takes of everybody; `null` sets no limit.
    #[schema(value_type = Option<LimitsSchema>, required = true)]
    limits: Option<CallLimits>,
    status: ChannelStatus,
    /// Who disabled it: `admin`, or `health` when its provider refused every key.
    #[schema(value_type = Option<String>, required = true, example = "admin")]
    disabled_by: Option<DisabledBy>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
}

impl ChannelView {
    pub(crate) fn new(id: ChannelId, spec: &ChannelSpec, disabled: Option<DisabledBy>) -> Self {
        let status = if disabled.is_some() { ChannelStatus::Disabled } else { ChannelStatus::Enabled };
        Self {
            id,
            name: spec.name.clone(),
            provider: spec.provider.clone(),
            base_url: spec.base_url.clone(),
            keys: spec
                .keys
                .iter()
                .map(|key| ChannelKeyView { id: key.key_id, hint: key.hint.clone() })
                .collect(),
            models: spec.models.clone(),
            model_map: spec.model_map.clone(),
            groups: spec.groups.clone(),
            priority: spec.priority,
            weight: spec.weight,
            limits: spec.limits,
            status,
            disabled_by: disabled,
            created_at: made_at(id.0),
        }
    }

    pub(crate) fn of_row(stored: &Stored<ChannelRow>) -> Self {
        Self::new(stored.row.channel_id, &stored.row.spec, stored.row.disabled)
    }
}
