//! Limits of groups and models as a file says. They stand in the settings.

use domain::{
    CallLimits, GroupName, ModelName,
    settings::{ModelRules, SETTINGS_ID, Settings, SettingsCommand, SettingsValues},
};
use eventlog::{Fault, Tx};

use super::Outcome;
use crate::problem::Denial;

/// Sets what all who call as a group may ask for together; what else holds for it stays.
pub(super) async fn of_group(
    tx: &mut Tx,
    group: &GroupName,
    limits: Option<CallLimits>,
) -> Result<Outcome, Fault<Denial>> {
    set(tx, |values| match (values.groups.get_mut(group), limits) {
        (Some(rules), limits) => rules.limits = limits,
        (None, Some(_)) => values.groups.entry(group.clone()).or_default().limits = limits,
        (None, None) => {}
    })
    .await
}

/// Sets what everybody may ask of a model together.
pub(super) async fn of_model(
    tx: &mut Tx,
    model: &ModelName,
    limits: Option<CallLimits>,
) -> Result<Outcome, Fault<Denial>> {
    set(tx, |values| match limits {
        Some(_) => drop(values.models.insert(model.clone(), ModelRules { limits })),
        None => drop(values.models.remove(model)),
    })
    .await
}

async fn set(tx: &mut Tx, change: impl FnOnce(&mut SettingsValues)) -> Result<Outcome, Fault<Denial>> {
    let (Settings { mut values, .. }, _) = tx.load::<Settings>(SETTINGS_ID).await?;
    change(&mut values);
    let events =
        tx.decide::<Settings, Denial>(SETTINGS_ID, SettingsCommand::Change(Box::new(values))).await?;
    Ok(if events.is_empty() { Outcome::Unchanged } else { Outcome::Changed })
}
