//! What rests of a channel on this node, and why.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{ChannelId, ChannelKeyId, ModelName};
use projections::channels;
use relay::{OpenCircuit, Why};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Edge,
    extract::Id,
    permission::{Can, ReadChannels},
    problem::Problem,
};

/// A circuit that lets no call through, or only a probe.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Circuit)]
pub(crate) struct CircuitView {
    #[schema(value_type = uuid::Uuid)]
    key_id: ChannelKeyId,
    /// For which model; `null` where the key itself is refused.
    #[schema(value_type = Option<String>, required = true, example = "gpt-4o-mini")]
    model: Option<ModelName>,
    /// `limited`: its provider takes no more for now; `failing`: it does not work.
    #[schema(example = "failing")]
    why: &'static str,
    /// `open`: no call goes there; `half_open`: a single one may find out whether all is well again.
    #[schema(example = "open")]
    state: &'static str,
    /// How long it rests yet.
    rests_ms: u64,
}

/// The circuits of one channel that are not closed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Circuits)]
pub(crate) struct CircuitsView {
    /// None where all is well.
    open: Vec<CircuitView>,
}

/// Lists what rests of a channel on this node: each key by itself, and each model that is asked through it.
#[utoipa::path(get, path = "/api/v1/channels/{id}/circuits", tag = "channels",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The circuits that are not closed", body = CircuitsView)))]
pub(crate) async fn circuits(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadChannels>,
    Id(id): Id<ChannelId>,
) -> Result<Json<CircuitsView>, Problem> {
    if channels::find(edge.log.read_pool(), id).await?.is_none() {
        return Err(Problem::not_found("channel"));
    }
    let open = edge.relay.open_circuits();
    let of_it = open.into_iter().filter(|circuit| circuit.channel_id == id);
    Ok(Json(CircuitsView { open: of_it.map(CircuitView::of).collect() }))
}

impl CircuitView {
    fn of(circuit: OpenCircuit) -> Self {
        let OpenCircuit { key_id, model, why, rests_ms, .. } = circuit;
        let why = match why {
            Why::Limited => "limited",
            Why::Failing => "failing",
        };
        let state = if rests_ms.is_some_and(|ms| ms > 0) { "open" } else { "half_open" };
        Self { key_id, model, why, state, rests_ms: rests_ms.unwrap_or_default() }
    }
}
