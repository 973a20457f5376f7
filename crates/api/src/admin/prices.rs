//! The operator's own prices, laid over the catalogue.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    ModelName,
    price::Price,
    price_list::{LIST_ID, PriceList, PriceListCommand},
};
use eventlog::{StoreError, Tx};
use projections::prices;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    openapi::PriceSchema,
    permission::{Can, ReadPrices, WritePrices},
    problem::{Denial, Problem},
};

/// Which page of the prices.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PriceQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<ModelName>,
}

/// A model's own price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnPrice)]
pub(crate) struct OwnPriceView {
    /// The name that API clients ask for.
    #[schema(value_type = String, example = "gpt-4o-mini")]
    model: ModelName,
    /// The list's version that set it, which calls are charged under.
    version: u32,
    #[schema(value_type = PriceSchema)]
    price: Price,
}

/// A price to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"price": {"rates": {"input": 150_000, "output": 600_000}}}))]
pub(crate) struct SetPriceBody {
    #[schema(value_type = PriceSchema)]
    price: Price,
}

/// Lists the models that have a price of their own, by name.
#[utoipa::path(get, path = "/api/v1/prices", tag = "prices", params(PriceQuery),
    responses((status = 200, description = "A page of prices", body = Listed<OwnPriceView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadPrices>,
    Query(query): Query<PriceQuery>,
) -> Result<Json<Listed<OwnPriceView>>, Problem> {
    let found = prices::list(edge.log.read_pool(), query.cursor.as_ref(), query.limit.asked()).await?;
    let page = query.limit.page(found, |stored| stored.row.model.clone());
    Ok(Json(page.map(|stored| OwnPriceView {
        model: stored.row.model,
        version: stored.row.version,
        price: stored.row.price,
    })))
}

/// Reads a model's own price.
#[utoipa::path(get, path = "/api/v1/prices/{model}", tag = "prices", params(("model" = String, Path)),
    responses((status = 200, description = "The price", body = OwnPriceView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadPrices>,
    Id(model): Id<ModelName>,
) -> Result<Response, Problem> {
    let found = prices::find(edge.log.read_pool(), &model).await?;
    let row = found.ok_or_else(|| Problem::not_found("price"))?.row;
    let (version, price) = (row.version, row.price);
    Ok(Answer::ok(version.into(), &OwnPriceView { model, version, price })?.into_response())
}

/// Gives a model a price of its own from now on; calls that are under way cost what they were to cost.
#[utoipa::path(put, path = "/api/v1/prices/{model}", tag = "prices", params(("model" = String, Path)),
    request_body = SetPriceBody,
    responses((status = 200, description = "The price as it is now", body = OwnPriceView)))]
pub(crate) async fn set(
    State(edge): State<Arc<Edge>>,
    can: Can<WritePrices>,
    Id(model): Id<ModelName>,
    Write { body, intent }: Write<SetPriceBody>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(version(tx, &model).await?.into())?;
            let set = PriceListCommand::Set { model: model.clone(), price: Box::new(body.price.clone()) };
            tx.decide::<PriceList, Denial>(LIST_ID, set).await?;
            let version = version(tx, &model).await?;
            Ok(Answer::ok(version.into(), &OwnPriceView { model, version, price: body.price })?)
        })
    })
    .await
}

/// Goes back to the catalogue's price.
#[utoipa::path(delete, path = "/api/v1/prices/{model}", tag = "prices", params(("model" = String, Path)),
    responses((status = 204, description = "The model has no price of its own")))]
pub(crate) async fn remove(
    State(edge): State<Arc<Edge>>,
    can: Can<WritePrices>,
    Id(model): Id<ModelName>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(version(tx, &model).await?.into())?;
            tx.decide::<PriceList, Denial>(LIST_ID, PriceListCommand::Remove { model }).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

/// The version under which a model's price was set; 0 where it has none of its own.
async fn version(tx: &mut Tx, model: &ModelName) -> Result<u32, StoreError> {
    let (list, _) = tx.load::<PriceList>(LIST_ID).await?;
    Ok(list.find(model.as_str()).map_or(0, |(version, _)| version))
}
