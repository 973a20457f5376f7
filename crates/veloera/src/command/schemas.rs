//! `veloera schemas`.

use std::{fs, path::Path};

use domain::{
    account::AccountEvent,
    api_token::ApiTokenEvent,
    budget::{BudgetEvent, BudgetWindowEvent},
    channel::ChannelEvent,
    group::GroupEvent,
    price_list::PriceListEvent,
    settings::SettingsEvent,
    user::UserEvent,
};
use eventlog::{EventSchema, StoreError, schemas_of};

pub(super) fn run(out: &Path) -> anyhow::Result<()> {
    for schema in all()? {
        let dir = out.join("events").join(schema.event_type);
        fs::create_dir_all(&dir)?;
        write(&dir.join(format!("v{}.json", schema.version)), &schema.schema)?;
        write(&dir.join(format!("v{}.sample.json", schema.version)), &schema.sample)?;
    }
    Ok(())
}

/// Every event that is stored anywhere.
fn all() -> Result<Vec<EventSchema>, StoreError> {
    let kinds = [
        schemas_of::<AccountEvent>()?,
        schemas_of::<ApiTokenEvent>()?,
        schemas_of::<BudgetEvent>()?,
        schemas_of::<BudgetWindowEvent>()?,
        schemas_of::<ChannelEvent>()?,
        schemas_of::<GroupEvent>()?,
        schemas_of::<PriceListEvent>()?,
        schemas_of::<SettingsEvent>()?,
        schemas_of::<UserEvent>()?,
    ];
    Ok(kinds.into_iter().flatten().collect())
}

fn write(path: &Path, json: &serde_json::Value) -> anyhow::Result<()> {
    fs::write(path, format!("{json:#}\n"))?;
    Ok(())
}
