//! Models: what there is to be asked for, and what it costs.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use domain::{
    GroupName, ModelName,
    price::{Price, PriceSource, Ratio, catalogue},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    extract::{Id, Limit, Listed, Query},
    openapi::PriceSchema,
    permission::{Actor, Can, Reach, ReadModels},
    problem::{Code, Problem},
};

/// Which models.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelQuery {
    /// What this group pays and is served; left out, the group of whoever asks.
    #[param(value_type = Option<String>, example = "default")]
    group: Option<GroupName>,
    /// Only those that the group is served (`true`), or all that have a price or a channel. Users see what they are
    /// served.
    #[serde(default)]
    served: bool,
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<ModelName>,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PriceSource)]
pub(crate) enum SourceView {
    /// The catalogue that is built in.
    Catalogue,
    /// The operator's own list.
    List,
    /// The default price in the settings.
    Default,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PricedModel)]
pub(crate) struct ModelView {
    /// The name that API clients ask for.
    #[schema(value_type = String, example = "gpt-4o-mini")]
    model: ModelName,
    /// Whether the group is served it now.
    served: bool,
    /// `null` where none is known: such a model is refused.
    #[schema(value_type = Option<PriceSchema>, required = true)]
    price: Option<Price>,
    #[schema(required = true)]
    source: Option<SourceView>,
    /// What the group pays of the price, in millionths.
    #[schema(value_type = Option<u32>, required = true)]
    ratio_millionths: Option<Ratio>,
    /// The longest input, where that is known.
    #[schema(required = true)]
    input_tokens_max: Option<u64>,
    /// The longest output, where that is known.
    #[schema(required = true)]
    output_tokens_max: Option<u64>,
}

impl ModelView {
    fn of(edge: &Edge, model: ModelName, group: &GroupName, served: bool) -> Self {
        let known = edge.directory.price(&model, group);
        let limits = known.as_ref().map(|(_, limits)| *limits).unwrap_or_default();
        let pinned = known.map(|(pinned, _)| pinned);
        Self {
            model,
            served,
            source: pinned.as_ref().map(|pinned| match pinned.source {
                PriceSource::Builtin { .. } => SourceView::Catalogue,
                PriceSource::List { .. } => SourceView::List,
                PriceSource::Default { .. } => SourceView::Default,
            }),
            ratio_millionths: pinned.as_ref().map(|pinned| pinned.ratio),
            price: pinned.map(|pinned| Arc::unwrap_or_clone(pinned.price)),
            input_tokens_max: limits.input_tokens_max,
            output_tokens_max: limits.output_tokens_max,
        }
    }
}

/// Lists models by name, with what they cost a group.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(ModelQuery),
    responses((status = 200, description = "A page of models", body = Listed<ModelView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadModels>,
    Query(query): Query<ModelQuery>,
) -> Result<Json<Listed<ModelView>>, Problem> {
    let group = group(&can.actor, query.group)?;
    let served: BTreeSet<ModelName> = edge.relay.models(&group, None).into_iter().collect();
    let only_served = query.served || can.actor.reach == Reach::Own;
    let names = if only_served { served.clone() } else { every(&edge, &served) };
    let is_next = |model: &ModelName| query.cursor.as_ref().is_none_or(|cursor| model > cursor);
    let found: Vec<_> = names.into_iter().filter(is_next).take(query.limit.asked()).collect();
    let page = query.limit.page(found, ModelName::clone);
    Ok(Json(page.map(|model| {
        let served = served.contains(&model);
        ModelView::of(&edge, model, &group, served)
    })))
}

/// What a model is read for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OneModelQuery {
    /// What this group pays and is served; left out, the group of whoever asks.
    #[param(value_type = Option<String>, example = "default")]
    group: Option<GroupName>,
}

/// Reads one model, with what it costs a group.
#[utoipa::path(get, path = "/api/v1/models/{model}", tag = "models", params(("model" = String, Path), OneModelQuery),
    responses((status = 200, description = "The model", body = ModelView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadModels>,
    Id(model): Id<ModelName>,
    Query(query): Query<OneModelQuery>,
) -> Result<Json<ModelView>, Problem> {
    let group = group(&can.actor, query.group)?;
    let served = edge.relay.models(&group, None).contains(&model);
    let view = ModelView::of(&edge, model, &group, served);
    let is_known = served || view.price.is_some() && can.actor.reach == Reach::All;
    if is_known { Ok(Json(view)) } else { Err(Problem::not_found("model")) }
}

/// The group that is asked about, which for users is their own.
fn group(actor: &Actor, asked: Option<GroupName>) -> Result<GroupName, Problem> {
    match asked {
        Some(group) if group != actor.user.group && actor.reach == Reach::Own => {
            Err(Problem::new(Code::Forbidden, "what other groups pay is for admins and auditors to know"))
        }
        Some(group) => Ok(group),
        None => Ok(actor.user.group.clone()),
    }
}

/// Everything that has a price or a channel.
fn every(edge: &Edge, served: &BTreeSet<ModelName>) -> BTreeSet<ModelName> {
    let known = catalogue::all().filter_map(|entry| ModelName::new(entry.id).ok());
    let channels = edge.directory.channels();
    let carried = channels.iter().flat_map(|channel| channel.spec.models.iter().cloned());
    known.chain(carried).chain(edge.directory.own_prices()).chain(served.iter().cloned()).collect()
}
