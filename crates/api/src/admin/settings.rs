//! What an operator sets for the whole installation.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    price::Price,
    settings::{SETTINGS_ID, Settings, SettingsCommand, SettingsValues},
};
use projections::settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::Write,
    openapi::PriceSchema,
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
}

impl SettingsView {
    fn of(values: &SettingsValues) -> Self {
        Self { default_price: values.default_price.clone() }
    }
}

/// What is to be set otherwise; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"default_price": null}))]
#[expect(clippy::option_option, reason = "left out, `null` and a value are three things")]
pub(crate) struct ChangeSettingsBody {
    /// `null` refuses models without a price.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<PriceSchema>)]
    default_price: Option<Option<Box<Price>>>,
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
            let mut values = settings.values;
            if let Some(default_price) = body.default_price {
                values.default_price = default_price;
            }
            tx.decide::<Settings, Denial>(SETTINGS_ID, SettingsCommand::Change(Box::new(values))).await?;
            let (settings, version) = tx.load::<Settings>(SETTINGS_ID).await?;
            Ok(Answer::ok(version, &SettingsView::of(&settings.values))?)
        })
    })
    .await
}
