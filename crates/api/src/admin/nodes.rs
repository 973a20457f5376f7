//! Nodes that have no database: who they are, and how far they have come.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use domain::{
    NodeId, TimeStamp,
    node::{Node, NodeCommand},
};
use eventlog::Heads;
use projections::{
    Stored,
    nodes::{self, NodeRow},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Can, ReadNodes, WriteNodes},
    problem::{Denial, Problem},
};

/// Which nodes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NodeQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins; `next_cursor` of the one before.
    #[param(value_type = Option<uuid::Uuid>)]
    cursor: Option<NodeId>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeView {
    #[schema(value_type = uuid::Uuid)]
    id: NodeId,
    #[schema(example = "relay-1")]
    name: String,
    #[schema(value_type = String, format = DateTime)]
    enrolled_at: TimeStamp,
    /// When this process heard of it last; `null` where it never did.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    heard_at: Option<TimeStamp>,
    /// Up to which position of the `control` log it knows what was set; `null` where it has not said.
    #[schema(required = true)]
    applied_position: Option<u64>,
    /// How many events of the `control` log it does not know yet; `null` where it has not said what it knows.
    #[schema(required = true)]
    lag: Option<u64>,
}

impl NodeView {
    fn of(stored: Stored<NodeRow>, edge: &Edge, heads: Heads) -> Self {
        let id = stored.row.node_id;
        let heard = edge.nodes.heard(id);
        let applied_position = Some(heard.applied.control).filter(|position| *position > 0);
        Self {
            id,
            name: stored.row.name,
            enrolled_at: stored.created_at,
            heard_at: heard.at,
            applied_position,
            lag: applied_position.map(|position| heads.control.saturating_sub(position)),
        }
    }
}

/// Lists the nodes that have enrolled and were not revoked.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", params(NodeQuery),
    responses((status = 200, description = "A page of nodes", body = Listed<NodeView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadNodes>,
    Query(query): Query<NodeQuery>,
) -> Result<Json<Listed<NodeView>>, Problem> {
    let rows = nodes::list(edge.log.read_pool(), query.cursor, query.limit.asked()).await?;
    let heads = *edge.log.subscribe().borrow();
    let views = rows.into_iter().map(|row| NodeView::of(row, &edge, heads)).collect();
    Ok(Json(query.limit.page(views, |view: &NodeView| view.id)))
}

/// Revokes a node: nothing that it signs is heard any more, for good. What it has not brought home is lost.
#[utoipa::path(delete, path = "/api/v1/nodes/{id}", tag = "nodes", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is revoked")))]
pub(crate) async fn revoke(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteNodes>,
    Id(id): Id<NodeId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    let response = dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let id = id.to_string();
            precondition.check(tx.load::<Node>(&id).await?.1)?;
            tx.decide::<Node, Denial>(&id, NodeCommand::Revoke).await?;
            Ok(Answer::gone())
        })
    })
    .await?;
    edge.nodes.forget(id);
    Ok(response)
}
