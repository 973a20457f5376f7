//! A node enrols.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use cluster::{
    JoinToken,
    protocol::{ASK_BYTES_MAX, EnrolBody, EnrolledView},
};
use domain::node::{Node, NodeCommand};

use super::NODES_MAX;
use crate::{
    Edge,
    dispatch::{By, transact},
    extract::{body, idempotency::peer},
    problem::{Code, Denial, Problem},
};

/// Takes a node in that shows a join token: from then on its key is known. To do so twice is to do so once.
pub(super) async fn enrol(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Json<EnrolledView>, Problem> {
    let (parts, body) = request.into_parts();
    let read = body::read(body, ASK_BYTES_MAX, edge.limits.body_wait_ms_max).await;
    let body = read.map_err(|_| Problem::new(Code::InvalidBody, "the body could not be read"))?;
    let asked: EnrolBody =
        serde_json::from_slice(&body).map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
    let ip = peer(&parts);
    JoinToken::read(edge.log.sealer(), &asked.join_token, edge.clock.now()).map_err(|error| {
        tracing::warn!(name = asked.name, ?ip, %error, "a node was not taken in");
        Problem::new(Code::Forbidden, error.to_string())
    })?;
    let EnrolBody { name, public_key, .. } = asked;
    let node_id = public_key.node_id();
    if edge.directory.nodes() >= NODES_MAX && edge.directory.node(node_id).is_none() {
        return Err(Problem::new(Code::LimitReached, format!("there are {NODES_MAX} nodes; revoke one")));
    }
    let enrol = NodeCommand::Enrol { name, public_key };
    let ((), _) = transact(&edge, By::request(node_id.prefixed(), &parts), move |tx| {
        Box::pin(async move {
            tx.decide::<Node, Denial>(&node_id.to_string(), enrol).await?;
            Ok(())
        })
    })
    .await?;
    tracing::info!(node = %node_id.prefixed(), "a node is enrolled");
    Ok(Json(EnrolledView { node_id }))
}
