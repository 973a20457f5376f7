//! The settings as they stand: one row, or none before anything was set.

use domain::{
    TimeStamp,
    settings::{SETTINGS_ID, Settings, SettingsEvent, SettingsValues},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// What is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRow {
    /// Counts the changes; 0 before the first.
    pub version: u32,
    /// What is set.
    pub values: SettingsValues,
}

impl Model for SettingsRow {
    type Of = Settings;
    type Key = String;
    const TABLE: &'static str = "settings";

    fn key(id: &str, _: &SettingsEvent) -> Option<String> {
        Some(id.to_owned())
    }

    fn evolve(_: Option<Self>, _: &String, event: &SettingsEvent) -> Option<Self> {
        let SettingsEvent::Changed { version, values } = event;
        Some(Self { version: *version, values: (**values).clone() })
    }
}

/// The settings; of version 0 before anything was set.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool) -> Result<Stored<SettingsRow>, StoreError> {
    let found = model::find(pool, &SETTINGS_ID.to_owned()).await?;
    Ok(found.unwrap_or_else(|| Stored {
        row: SettingsRow::default(),
        version: 0,
        created_at: TimeStamp::default(),
        updated_at: TimeStamp::default(),
    }))
}
