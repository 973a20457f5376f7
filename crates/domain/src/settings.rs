//! What an operator sets for the whole installation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Aggregate, Log, StoredEvent, price::Price};

/// The id of the only settings.
pub const SETTINGS_ID: &str = "default";

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsValues {
    /// What a model costs that neither the price list nor the catalogue knows; without it such a model is
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_price: Option<Box<Price>>,
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

    fn samples() -> Vec<Self> {
        vec![Self::Changed {
            version: 1,
            values: Box::new(SettingsValues { default_price: Some(Box::default()) }),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, SettingsCommand as C, SettingsEvent as E, SettingsValues};
    use crate::testing::given;

    #[test]
    fn setting_what_is_set_is_no_event() {
        given::<Settings>([]).when(C::Change(Box::default())).then([]);
        let values = Box::new(SettingsValues { default_price: Some(Box::default()) });
        given::<Settings>([])
            .when(C::Change(values.clone()))
            .then([E::Changed { version: 1, values: values.clone() }]);
        given::<Settings>([E::Changed { version: 1, values: values.clone() }])
            .when(C::Change(values))
            .then([]);
    }
}
