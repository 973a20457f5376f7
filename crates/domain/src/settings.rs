//! What an operator sets for the whole installation.

use std::{collections::BTreeMap, num::NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Aggregate, CallLimits, GroupName, Log, ModelName, StoredEvent, Upcast, price::Price};

/// The id of the only settings.
pub const SETTINGS_ID: &str = "default";

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsValues {
    /// What a model costs that neither the price list nor the catalogue knows; without it such a model is
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_price: Option<Box<Price>>,
    /// How the channels of one tier share the calls of groups that have no strategy of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// The most that one user may ask for, where the group sets nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_limits: Option<CallLimits>,
    /// What holds otherwise for single groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<GroupName, GroupRules>,
    /// What holds for single models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<ModelName, ModelRules>,
}

/// What holds for one group; what is absent is as it is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupRules {
    /// How the channels of one tier share its calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// The most that one of its users may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_limits: Option<CallLimits>,
    /// The most that all who call as this group may ask for together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CallLimits>,
}

/// What holds for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRules {
    /// The most that everybody may ask of it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CallLimits>,
}

/// How the channels of one tier share the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// By chance, in proportion to their weights.
    #[default]
    WeightedRandom,
    /// In turn, in proportion to their weights.
    RoundRobin,
}

/// What holds for the calls of one group of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallRules {
    /// How the channels of one tier share them.
    pub strategy: Strategy,
    /// The most that all who call as the group may ask for together.
    pub group_limits: CallLimits,
    /// The most that everybody may ask of the model together.
    pub model_limits: CallLimits,
}

impl SettingsValues {
    /// What holds for the calls of `group` of `model`.
    pub fn call_rules(&self, group: &GroupName, model: &ModelName) -> CallRules {
        CallRules {
            strategy: self.strategy(group),
            group_limits: self.group_limits(group),
            model_limits: self.model_limits(model),
        }
    }

    /// How the channels of one tier share the calls of `group`.
    pub fn strategy(&self, group: &GroupName) -> Strategy {
        self.groups.get(group).and_then(|rules| rules.strategy).or(self.strategy).unwrap_or_default()
    }

    /// The most that one user of `group` may ask for.
    pub fn user_limits(&self, group: &GroupName) -> CallLimits {
        let own = self.groups.get(group).and_then(|rules| rules.user_limits);
        own.or(self.user_limits).unwrap_or(CallLimits::NONE)
    }

    /// The most that all who call as `group` may ask for together.
    pub fn group_limits(&self, group: &GroupName) -> CallLimits {
        self.groups.get(group).and_then(|rules| rules.limits).unwrap_or(CallLimits::NONE)
    }

    /// The most that everybody may ask of `model` together.
    pub fn model_limits(&self, model: &ModelName) -> CallLimits {
        self.models.get(model).and_then(|rules| rules.limits).unwrap_or(CallLimits::NONE)
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsCommand {
    /// Sets all of it anew.
    Change(Box<SettingsValues>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum SettingsEvent {
    /// All of it was set anew.
    #[serde(rename = "settings_changed")]
    Changed {
        /// Counts the changes, from 1.
        version: u32,
        /// What is set from now on.
        values: Box<SettingsValues>,
    },
}

/// Settings are never refused: what cannot be set cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SettingsRefusal {}

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Counts the changes; 0 before the first.
    pub version: u32,
    /// What is set.
    pub values: SettingsValues,
}

impl Aggregate for Settings {
    const KIND: &'static str = "settings";
    const LOG: Log = Log::Control;
    type Command = SettingsCommand;
    type Event = SettingsEvent;
    type Refusal = SettingsRefusal;

    fn decide(
        &self,
        SettingsCommand::Change(values): SettingsCommand,
    ) -> Result<Vec<SettingsEvent>, SettingsRefusal> {
        if *values == self.values {
            return Ok(Vec::new());
        }
        Ok(vec![SettingsEvent::Changed { version: self.version.saturating_add(1), values }])
    }

    fn evolve(&mut self, SettingsEvent::Changed { version, values }: &SettingsEvent) {
        self.version = *version;
        self.values = (**values).clone();
    }
}

impl StoredEvent for SettingsEvent {
    fn tag(&self) -> &'static str {
        "settings_changed"
    }

    fn schema_version(&self) -> u32 {
        // 2 brought strategies and limits of users, 3 those of groups and models.
        3
    }

    fn upcasts() -> &'static [Upcast] {
        const STEPS: &[Upcast] =
            &[Upcast::additive("settings_changed", 1), Upcast::additive("settings_changed", 2)];
        STEPS
    }

    fn samples() -> Vec<Self> {
        let limits = CallLimits { requests_per_minute: NonZeroU32::new(60), ..CallLimits::NONE };
        let rules = GroupRules {
            strategy: Some(Strategy::RoundRobin),
            user_limits: Some(CallLimits::NONE),
            limits: Some(limits),
        };
        let model = ModelName::new("gpt-4o-mini").ok();
        let values = SettingsValues {
            default_price: Some(Box::default()),
            strategy: Some(Strategy::WeightedRandom),
            user_limits: Some(limits),
            groups: BTreeMap::from([(GroupName::default_group(), rules)]),
            models: model.map(|model| (model, ModelRules { limits: Some(limits) })).into_iter().collect(),
        };
        vec![Self::Changed { version: 1, values: Box::new(values) }]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        GroupRules, ModelRules, Settings, SettingsCommand as C, SettingsEvent as E, SettingsValues, Strategy,
    };
    use crate::{CallLimits, GroupName, ModelName, testing::given};

    #[test]
    fn what_a_group_sets_goes_before_what_is_set_for_all() {
        let (default, other) = (GroupName::default_group(), GroupName::new("other").unwrap());
        let limits = CallLimits { concurrent_calls: std::num::NonZeroU32::new(2), ..CallLimits::NONE };
        let rules = GroupRules { strategy: Some(Strategy::WeightedRandom), ..GroupRules::default() };
        let values = SettingsValues {
            strategy: Some(Strategy::RoundRobin),
            user_limits: Some(limits),
            groups: BTreeMap::from([(other.clone(), rules)]),
            ..SettingsValues::default()
        };
        assert_eq!(values.strategy(&default), Strategy::RoundRobin);
        assert_eq!(values.strategy(&other), Strategy::WeightedRandom);
        assert_eq!(values.user_limits(&other), limits);
        assert_eq!(SettingsValues::default().strategy(&default), Strategy::WeightedRandom);
    }

    #[test]
    fn a_group_and_a_model_are_limited_as_a_whole_only_where_that_is_said() {
        let (default, model) = (GroupName::default_group(), ModelName::new("m").unwrap());
        let limits = CallLimits { concurrent_calls: std::num::NonZeroU32::new(2), ..CallLimits::NONE };
        let rules = GroupRules { limits: Some(limits), ..GroupRules::default() };
        let values = SettingsValues {
            groups: BTreeMap::from([(default.clone(), rules)]),
            models: BTreeMap::from([(model.clone(), ModelRules { limits: Some(limits) })]),
            ..SettingsValues::default()
        };
        assert_eq!((values.group_limits(&default), values.model_limits(&model)), (limits, limits));
        assert_eq!(values.user_limits(&default), CallLimits::NONE, "what all may is not what each may");
        let others = (GroupName::new("other").unwrap(), ModelName::new("n").unwrap());
        assert_eq!(values.group_limits(&others.0), CallLimits::NONE);
        assert_eq!(values.model_limits(&others.1), CallLimits::NONE);
    }

    #[test]
    fn setting_what_is_set_is_no_event() {
        given::<Settings>([]).when(C::Change(Box::default())).then([]);
        let values =
            Box::new(SettingsValues { default_price: Some(Box::default()), ..SettingsValues::default() });
        given::<Settings>([])
            .when(C::Change(values.clone()))
            .then([E::Changed { version: 1, values: values.clone() }]);
        given::<Settings>([E::Changed { version: 1, values: values.clone() }])
            .when(C::Change(values))
            .then([]);
    }
}
