//! Channels: our accounts with providers.

mod body;
mod circuits;
mod test;
mod view;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    ChannelId,
    channel::{Channel, ChannelCommand, ChannelSpec, DisabledBy},
};
use eventlog::{Fault, Tx};
use projections::channels;
use serde::Deserialize;
use utoipa::IntoParams;

use self::{
    body::{ChangeChannelBody, CreateChannelBody},
    view::ChannelView,
};
pub(crate) use self::{
    body::{leads_somewhere, sealed},
    view::ChannelStatus,
};
pub(crate) use self::{
    circuits::{__path_circuits, circuits},
    test::{__path_test, test},
};
use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Can, ReadChannels, WriteChannels},
    problem::{Denial, Problem},
};

/// Which page of the channels.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChannelQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<ChannelId>,
}

/// Lists the channels, oldest first.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels", params(ChannelQuery),
    responses((status = 200, description = "A page of channels", body = Listed<ChannelView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadChannels>,
    Query(query): Query<ChannelQuery>,
) -> Result<Json<Listed<ChannelView>>, Problem> {
    let found = channels::list(edge.log.read_pool(), query.cursor, query.limit.asked()).await?;
    let page = query.limit.page(found, |stored| stored.row.channel_id);
    Ok(Json(page.map(|stored| ChannelView::of_row(&stored))))
}

/// Makes a channel.
#[utoipa::path(post, path = "/api/v1/channels", tag = "channels", request_body = CreateChannelBody,
    responses((status = 201, description = "The channel", body = ChannelView)))]
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteChannels>,
    Write { body, intent }: Write<CreateChannelBody>,
) -> Result<Response, Problem> {
    let channel_id = ChannelId(edge.ids.uuid());
    let spec = body.spec(&edge, channel_id)?;
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let command = ChannelCommand::Create(Box::new(spec));
            tx.decide::<Channel, Denial>(&channel_id.to_string(), command).await?;
            let (spec, disabled, version) = present(tx, channel_id).await?;
            Ok(Answer::created(version, &ChannelView::new(channel_id, &spec, disabled))?)
        })
    })
    .await
}

/// Reads one channel.
#[utoipa::path(get, path = "/api/v1/channels/{id}", tag = "channels", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The channel", body = ChannelView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadChannels>,
    Id(id): Id<ChannelId>,
) -> Result<Response, Problem> {
    let found = channels::find(edge.log.read_pool(), id).await?;
    let stored = found.ok_or_else(|| Problem::not_found("channel"))?;
    Ok(Answer::ok(stored.version, &ChannelView::of_row(&stored))?.into_response())
}

/// Changes what the body names, and leaves the rest (a JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/channels/{id}", tag = "channels", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeChannelBody,
    responses((status = 200, description = "The channel as it is now", body = ChannelView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteChannels>,
    Id(id): Id<ChannelId>,
    Write { body, intent }: Write<ChangeChannelBody>,
) -> Result<Response, Problem> {
    let moves = body.moves();
    let commands = body.commands(&edge, id)?;
    let (providers, precondition) = (edge.providers.clone(), intent.precondition.clone());
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(present(tx, id).await?.2)?;
            for command in commands {
                tx.decide::<Channel, Denial>(&id.to_string(), command).await?;
            }
            let (spec, disabled, version) = present(tx, id).await?;
            if moves {
                leads_somewhere(&providers, id, &spec).map_err(Fault::Refused)?;
            }
            Ok(Answer::ok(version, &ChannelView::new(id, &spec, disabled))?)
        })
    })
    .await
}

/// Ends a channel for good.
#[utoipa::path(delete, path = "/api/v1/channels/{id}", tag = "channels", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn delete(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteChannels>,
    Id(id): Id<ChannelId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (channel, version) = tx.load::<Channel>(&id.to_string()).await?;
            if matches!(channel, Channel::Present { .. }) {
                precondition.check(version)?;
            }
            tx.decide::<Channel, Denial>(&id.to_string(), ChannelCommand::Delete).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

type Present = (Box<ChannelSpec>, Option<DisabledBy>, u64);

/// The channel as the transaction sees it, with its version.
async fn present(tx: &mut Tx, id: ChannelId) -> Result<Present, Fault<Denial>> {
    match tx.load::<Channel>(&id.to_string()).await? {
        (Channel::Present { spec, disabled }, version) => Ok((spec, disabled, version)),
        (Channel::Absent | Channel::Deleted, _) => Err(Fault::Refused(Denial::Unknown("channel"))),
    }
}
