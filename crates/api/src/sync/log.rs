//! What the logs say, for nodes that have no database.

use std::sync::Arc;

use axum::{Json, extract::State};
use cluster::protocol::{EventsView, PAGE_BYTES_MAX};
use domain::Log;
use eventlog::{Envelope, PAGE_MAX, StoreError};
use serde::Deserialize;

use super::{NodeSession, wait::within};
use crate::{Edge, extract::Query, problem::Problem};

/// How many events are read at once.
const READ_AT_ONCE: usize = 100;

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    log: Log,
    after: u64,
    limit: usize,
    #[serde(default)]
    wait_ms: u64,
}

/// A page of a log; where there is nothing yet, what comes while the node waits.
pub(super) async fn events(
    State(edge): State<Arc<Edge>>,
    Query(query): Query<EventsQuery>,
    session: NodeSession,
) -> Result<Json<EventsView>, Problem> {
    let mut heads = edge.log.subscribe();
    let more = heads.wait_for(|heads| heads.of(query.log) > query.after);
    let _ = within(&edge, query.wait_ms, more).await;
    session.still(&edge).await?;
    let events = page(&edge, query).await?;
    // What was appended since it was read may be on the page already.
    let head = edge.log.head(query.log).max(events.last().map_or(0, Envelope::position));
    Ok(Json(EventsView { log_id: edge.log.reader().log_id(query.log), head, events }))
}

async fn page(edge: &Edge, query: EventsQuery) -> Result<Vec<Envelope>, StoreError> {
    let (reader, sealer) = (edge.log.reader(), edge.log.sealer());
    let (log_id, limit) = (reader.log_id(query.log), query.limit.min(PAGE_MAX));
    let (mut after, mut bytes, mut page) = (query.after, 0, Vec::new());
    while page.len() < limit && bytes < PAGE_BYTES_MAX {
        let events = reader.read(query.log, after, READ_AT_ONCE.min(limit - page.len())).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        for event in events {
            bytes += event.payload.len() + event.metadata.len();
            page.push(Envelope::seal(sealer, log_id, event));
        }
    }
    Ok(page)
}
