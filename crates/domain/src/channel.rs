//! Our account with a provider.

mod events;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::events::ChannelEvent;
use crate::{Aggregate, CallLimits, ChannelKeyId, GroupName, Log, ModelName, Sealed};

/// The most keys one channel may hold.
pub const KEYS_MAX: usize = 256;
/// The most models one channel may serve.
pub const MODELS_MAX: usize = 4_096;
/// The most groups one channel may serve.
pub const GROUPS_MAX: usize = 256;
/// The largest weight and the farthest priority.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// One credential: sealed, with what people may see of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelKey {
    /// Names it in attempts and health.
    pub key_id: ChannelKeyId,
    /// The key itself.
    pub secret: Sealed,
    /// Its last four characters.
    pub hint: String,
}

/// Everything that is set on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSpec {
    /// What people call it.
    pub name: String,
    /// The entry of the provider catalogue.
    pub provider: String,
    /// Overrides the provider's own; includes its version segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The credentials, tried in turn.
    pub keys: Vec<ChannelKey>,
    /// What it serves, as API clients name it.
    pub models: BTreeSet<ModelName>,
    /// Requested name to the provider's name, where they differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model_map: BTreeMap<ModelName, ModelName>,
    /// Whom it serves.
    pub groups: BTreeSet<GroupName>,
    /// Higher tiers are tried first.
    pub priority: i32,
    /// Its share within its tier; 0 takes no calls while another has more.
    pub weight: u32,
    /// The most that it takes of everybody; beyond it others are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CallLimits>,
}

/// What is to be different; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelChange {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Some(None)` goes back to the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<String>")]
    pub base_url: Option<Option<String>>,
    /// What it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<BTreeSet<ModelName>>,
    /// Requested name to the provider's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_map: Option<BTreeMap<ModelName, ModelName>>,
    /// Whom it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<BTreeSet<GroupName>>,
    /// Higher tiers are tried first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Its share within its tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The most that it takes; `Some(None)` lifts the limits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::nullable")]
    #[schemars(with = "Option<CallLimits>")]
    pub limits: Option<Option<CallLimits>>,
}

/// Why a channel was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBy {
    /// An admin did it.
    Admin,
    /// Its provider refuses every key.
    Health,
}

/// What is asked of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelCommand {
    /// Makes it.
    Create(Box<ChannelSpec>),
    /// Sets some of it anew.
    Change(Box<ChannelChange>),
    /// Puts other keys in the place of all it has.
    RotateKeys(Vec<ChannelKey>),
    /// Takes calls again.
    Enable,
    /// Takes no more calls.
    Disable(DisabledBy),
    /// Ends it.
    Delete,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChannelRefusal {
    /// There is none of that id.
    #[error("there is no such channel")]
    Unknown,
    /// The id is taken.
    #[error("a channel of that id exists")]
    Exists,
    /// The name cannot be one.
    #[error("`name`: {0}")]
    Name(#[from] crate::NameError),
    /// No credential.
    #[error("`keys` must hold 1 to {KEYS_MAX} keys, not {0}")]
    Keys(usize),
    /// Nothing to serve, or too much.
    #[error("`models` must name 1 to {MODELS_MAX} models, not {0}")]
    Models(usize),
    /// Nobody to serve, or too many.
    #[error("`groups` must name 1 to {GROUPS_MAX} groups, not {0}")]
    Groups(usize),
    /// The weight is out of bounds.
    #[error("`weight` must be 0 to {WEIGHT_MAX}, not {0}")]
    Weight(u32),
    /// A name is mapped that the channel does not serve.
    #[error("`model_map` maps `{0}`, which is not among `models`")]
    MapsUnserved(ModelName),
}

/// A channel, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Channel {
    /// Never made.
    #[default]
    Absent,
    /// In use, or out of use for now.
    Present {
        /// What is set on it.
        spec: Box<ChannelSpec>,
        /// Why it takes no calls; `None` while it does.
        disabled: Option<DisabledBy>,
    },
    /// Ended: its id is never used again.
    Deleted,
}

impl ChannelSpec {
    /// This, with `change` made.
    #[must_use]
    pub fn changed(mut self, change: &ChannelChange) -> Self {
        fn set<T: Clone>(field: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                field.clone_from(new);
            }
        }
        set(&mut self.name, change.name.as_ref());
        set(&mut self.base_url, change.base_url.as_ref());
        set(&mut self.models, change.models.as_ref());
        set(&mut self.model_map, change.model_map.as_ref());
        set(&mut self.groups, change.groups.as_ref());
        set(&mut self.priority, change.priority.as_ref());
        set(&mut self.weight, change.weight.as_ref());
        set(&mut self.limits, change.limits.as_ref());
        self
    }

    fn check(&self) -> Result<(), ChannelRefusal> {
        crate::names::check(&self.name)?;
        within(self.keys.len(), KEYS_MAX, ChannelRefusal::Keys)?;
        within(self.models.len(), MODELS_MAX, ChannelRefusal::Models)?;
        within(self.groups.len(), GROUPS_MAX, ChannelRefusal::Groups)?;
        if self.weight > WEIGHT_MAX {
            return Err(ChannelRefusal::Weight(self.weight));
        }
        match self.model_map.keys().find(|name| !self.models.contains(*name)) {
            Some(name) => Err(ChannelRefusal::MapsUnserved(name.clone())),
            None => Ok(()),
        }
    }
}

fn within(count: usize, max: usize, refusal: fn(usize) -> ChannelRefusal) -> Result<(), ChannelRefusal> {
    if (1..=max).contains(&count) { Ok(()) } else { Err(refusal(count)) }
}

impl Aggregate for Channel {
    const KIND: &'static str = "channel";
    const LOG: Log = Log::Control;
    type Command = ChannelCommand;
    type Event = ChannelEvent;
    type Refusal = ChannelRefusal;

    fn decide(&self, command: ChannelCommand) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        use ChannelCommand as C;
        match (self, command) {
            (Self::Absent, C::Create(spec)) => {
                spec.check()?;
                Ok(vec![ChannelEvent::Created { spec }])
            }
            (Self::Present { .. } | Self::Deleted, C::Create(_)) => Err(ChannelRefusal::Exists),
            (Self::Deleted, C::Delete) => Ok(Vec::new()),
            (Self::Absent | Self::Deleted, _) => Err(ChannelRefusal::Unknown),
            (Self::Present { spec, .. }, C::Change(change)) => decide_change(spec, change),
            (Self::Present { .. }, C::RotateKeys(keys)) => {
                within(keys.len(), KEYS_MAX, ChannelRefusal::Keys)?;
                Ok(vec![ChannelEvent::KeysRotated { keys }])
            }
            (Self::Present { disabled: None, .. }, C::Enable) => Ok(Vec::new()),
            (Self::Present { disabled: Some(_), .. }, C::Enable) => Ok(vec![ChannelEvent::Enabled {}]),
            // An admin's word stands over what health says, not the other way round.
            (Self::Present { disabled: Some(old), .. }, C::Disable(by))
                if *old == by || *old == DisabledBy::Admin =>
            {
                Ok(Vec::new())
            }
            (Self::Present { .. }, C::Disable(by)) => Ok(vec![ChannelEvent::Disabled { by }]),
            (Self::Present { .. }, C::Delete) => Ok(vec![ChannelEvent::Deleted {}]),
        }
    }

    fn evolve(&mut self, event: &ChannelEvent) {
        match event {
            ChannelEvent::Created { spec } => *self = Self::Present { spec: spec.clone(), disabled: None },
            ChannelEvent::Deleted {} => *self = Self::Deleted,
            ChannelEvent::Changed { change } => {
                if let Self::Present { spec, .. } = self {
                    **spec = (**spec).clone().changed(change);
                }
            }
            ChannelEvent::KeysRotated { keys } => {
                if let Self::Present { spec, .. } = self {
                    spec.keys.clone_from(keys);
                }
            }
            ChannelEvent::Enabled {} => {
                if let Self::Present { disabled, .. } = self {
                    *disabled = None;
                }
            }
            ChannelEvent::Disabled { by } => {
                if let Self::Present { disabled, .. } = self {
                    *disabled = Some(*by);
                }
            }
        }
    }
}

fn decide_change(
    spec: &ChannelSpec,
    change: Box<ChannelChange>,
) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
    let changed = spec.clone().changed(&change);
    if changed == *spec {
        return Ok(Vec::new());
    }
    changed.check()?;
    Ok(vec![ChannelEvent::Changed { change }])
}

/// The place that a channel's key is sealed for: it opens nowhere else.
pub fn key_place(channel_id: crate::ChannelId, key_id: ChannelKeyId) -> String {
    format!("channel:{channel_id}/key:{key_id}")
}
