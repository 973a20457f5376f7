//! What an operator sets for the whole installation.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    CallLimits, GroupName, ModelName,
    price::Price,
    settings::{GroupRules, ModelRules, SETTINGS_ID, Settings, SettingsCommand, SettingsValues, Strategy},
};
use projections::settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::Write,
    openapi::{
        GroupRulesPatchSchema, GroupRulesSchema, ModelRulesPatchSchema, ModelRulesSchema, PriceSchema,
        StrategySchema, UserLimitsSchema,
    },
    permission::{Can, ReadSettings, WriteSettings},
    problem::{Denial, Problem},
};

/// What is set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub(crate) struct SettingsView {
    /// What a model costs that neither the price list nor the catalogue knows; `null`, and such a model is refused.
    #[schema(value_type = Option<PriceSchema>, required = true)]
    default_price: Option<Box<Price>>,
    /// How the channels of one tier share the calls of groups that have no strategy of their own.
    #[schema(value_type = StrategySchema)]
    strategy: Strategy,
    /// The most that one user may ask for, where the group sets nothing else; `null` sets no limit.
    #[schema(value_type = Option<UserLimitsSchema>, required = true)]
    user_limits: Option<CallLimits>,
    /// What holds otherwise for single groups.
    #[schema(value_type = BTreeMap<String, GroupRulesSchema>)]
    groups: BTreeMap<GroupName, GroupRules>,
    /// What holds for single models.
    #[schema(value_type = BTreeMap<String, ModelRulesSchema>)]
    models: BTreeMap<ModelName, ModelRules>,
}

impl SettingsView {
    fn of(values: &SettingsValues) -> Self {
        Self {
            default_price: values.default_price.clone(),
            strategy: values.strategy.unwrap_or_default(),
            user_limits: values.user_limits,
            groups: values.groups.clone(),
            models: values.models.clone(),
        }
    }
}

/// What is to be set otherwise; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"default_price": null, "user_limits": {"requests_per_minute": 60}}))]
#[expect(clippy::option_option, reason = "left out, `null` and a value are three things")]
pub(crate) struct ChangeSettingsBody {
    /// `null` refuses models without a price.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<PriceSchema>)]
    default_price: Option<Option<Box<Price>>>,
    /// `null` goes back to chance, by weight.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<StrategySchema>)]
    strategy: Option<Option<Strategy>>,
    /// `null` lifts the limits.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<UserLimitsSchema>)]
    user_limits: Option<Option<CallLimits>>,
    /// By the name of the group; `null` for a name lifts what holds for it, and names that are left out stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, GroupRulesPatchSchema>)]
    groups: BTreeMap<GroupName, Option<GroupRules>>,
    /// By the name of the model, in the same way.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, ModelRulesPatchSchema>)]
    models: BTreeMap<ModelName, Option<ModelRules>>,
}

impl ChangeSettingsBody {
    fn over(self, mut values: SettingsValues) -> SettingsValues {
        if let Some(default_price) = self.default_price {
            values.default_price = default_price;
        }
        if let Some(strategy) = self.strategy {
            values.strategy = strategy;
        }
        if let Some(user_limits) = self.user_limits {
            values.user_limits = user_limits;
        }
        merge(&mut values.groups, self.groups);
        merge(&mut values.models, self.models);
        values
    }
}

fn merge<K: Ord, V>(values: &mut BTreeMap<K, V>, patch: BTreeMap<K, Option<V>>) {
    for (name, rules) in patch {
        match rules {
            Some(rules) => values.insert(name, rules),
            None => values.remove(&name),
        };
    }
}

/// Reads the settings.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings",
    responses((status = 200, description = "The settings", body = SettingsView)))]
pub(crate) async fn read(State(edge): State<Arc<Edge>>, _: Can<ReadSettings>) -> Result<Response, Problem> {
    let stored = settings::find(edge.log.read_pool()).await?;
    Ok(Answer::ok(stored.version, &SettingsView::of(&stored.row.values))?.into_response())
}

/// Changes what the body names, and leaves the rest (a JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/settings", tag = "settings", request_body = ChangeSettingsBody,
    responses((status = 200, description = "The settings as they are now", body = SettingsView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteSettings>,
    Write { body, intent }: Write<ChangeSettingsBody>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (settings, version) = tx.load::<Settings>(SETTINGS_ID).await?;
            precondition.check(version)?;
            let values = Box::new(body.over(settings.values));
            tx.decide::<Settings, Denial>(SETTINGS_ID, SettingsCommand::Change(values)).await?;
            let (settings, version) = tx.load::<Settings>(SETTINGS_ID).await?;
            Ok(Answer::ok(version, &SettingsView::of(&settings.values))?)
        })
    })
    .await
}
