//! What nodes say of themselves and of channels.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use cluster::protocol::{AppliedBody, HealthBody};
use domain::{ChannelId, Log};

use super::NodeSession;
use crate::{Edge, extract::Id, problem::Problem};

/// How far the node knows a log.
pub(super) async fn applied(
    State(edge): State<Arc<Edge>>,
    session: NodeSession,
) -> Result<StatusCode, Problem> {
    let AppliedBody { log, position } = session.json()?;
    let before = edge.nodes.heard.applied(session.node_id(), log, position);
    if log == Log::Control && (1..position).contains(&before) {
        let latest = edge.log.reader().read(log, position.saturating_sub(1), 1).await?;
        if let Some(event) = latest.first() {
            // Both by this clock; the way of the report is counted too.
            edge.metrics.propagated(edge.clock.now().ms_since(event.recorded_at));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a channel's provider does with its keys, as the node sees it.
pub(super) async fn health(
    State(edge): State<Arc<Edge>>,
    Id(channel): Id<ChannelId>,
    session: NodeSession,
) -> Result<StatusCode, Problem> {
    let HealthBody { refuses } = session.json()?;
    tracing::info!(node = %session.node_id().prefixed(), %channel, refuses, "a node reports a channel's health");
    if refuses {
        edge.keeper.disable(channel);
    } else {
        edge.keeper.enable(channel);
    }
    Ok(StatusCode::NO_CONTENT)
}
