//! `veloera schemas`.

use std::{fs, path::Path};

use domain::{
    StoredEvent,
    account::AccountEvent,
    api_token::ApiTokenEvent,
    budget::{BudgetEvent, BudgetWindowEvent},
    channel::ChannelEvent,
    group::GroupEvent,
    journal::JournalEvent,
    login::LoginEvent,
    node::NodeEvent,
    price_list::PriceListEvent,
    session::SessionEvent,
    settings::SettingsEvent,
    user::UserEvent,
};
use eventlog::{EventSchema, reachable, schemas_of, upcast_faults};
use serde_json::Value;

pub(super) fn run(out: &Path) -> anyhow::Result<()> {
    for schema in all()? {
        let dir = out.join("events").join(schema.event_type);
        fs::create_dir_all(&dir)?;
        let path = dir.join(format!("v{}.json", schema.version));
        if !says_the_same(&path, &schema.schema) {
            write(&path, &schema.schema)?;
        }
        write(&dir.join(format!("v{}.sample.json", schema.version)), &schema.sample)?;
    }
    Ok(())
}

/// Every event that is stored anywhere.
fn all() -> anyhow::Result<Vec<EventSchema>> {
    let kinds = [
        of::<AccountEvent>()?,
        of::<ApiTokenEvent>()?,
        of::<BudgetEvent>()?,
        of::<BudgetWindowEvent>()?,
        of::<ChannelEvent>()?,
        of::<GroupEvent>()?,
        of::<JournalEvent>()?,
        of::<LoginEvent>()?,
        of::<NodeEvent>()?,
        of::<PriceListEvent>()?,
        of::<SessionEvent>()?,
        of::<SettingsEvent>()?,
        of::<UserEvent>()?,
    ];
    Ok(kinds.into_iter().flatten().collect())
}

/// The newest version of each, unless an older one could not be read any more.
fn of<E: StoredEvent>() -> anyhow::Result<Vec<EventSchema>> {
    if let Some(fault) = upcast_faults::<E>().into_iter().next() {
        return Err(fault.into());
    }
    Ok(schemas_of::<E>()?)
}

/// Whether the file says this already, if not with the same bytes: what was released keeps its bytes.
fn says_the_same(path: &Path, schema: &Value) -> bool {
    let written = fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    written.map(reachable).as_ref() == Some(schema)
}

fn write(path: &Path, json: &Value) -> anyhow::Result<()> {
    fs::write(path, format!("{json:#}\n"))?;
    Ok(())
}
