//! `?wait=applied`: whoever writes is answered once every relay node heeds what was written, or after a limit.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, Request, State},
    http::{HeaderName, HeaderValue, Method, Uri},
    middleware::Next,
    response::Response,
};
use domain::NodeId;
use eventlog::Heads;
use serde::Deserialize;

use crate::{
    Edge,
    dispatch::{POSITION, set_header},
    problem::{Code, Problem},
};

/// Whether every node heeds it: `true` or `false`.
pub(crate) const APPLIED: HeaderName = HeaderName::from_static("veloera-applied");
/// Which nodes do not yet, where some do not.
pub(crate) const BEHIND: HeaderName = HeaderName::from_static("veloera-behind");
/// So many of them are named.
const NAMED_MAX: usize = 20;

/// Answers a write that asks for it when it is applied. What was written stays written, whoever has not heard of it.
pub(crate) async fn everywhere(
    State(edge): State<Arc<Edge>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let waits = writes(request.method()) && asked(request.uri())?;
    let mut response = next.run(request).await;
    if !waits || !response.status().is_success() {
        return Ok(response);
    }
    let written =
        response.headers().get(POSITION).and_then(|value| value.to_str().ok()?.parse::<Heads>().ok());
    let Some(Heads { control, .. }) = written else { return Ok(response) };
    let most = Duration::from_millis(edge.limits.applied_wait_ms_max);
    let behind = tokio::select! {
        behind = edge.nodes.applied(|| edge.directory.node_ids(), control, most) => behind,
        () = edge.stopping.cancelled() => edge.directory.node_ids(),
    };
    let headers = response.headers_mut();
    headers.insert(APPLIED, HeaderValue::from_static(if behind.is_empty() { "true" } else { "false" }));
    set_header(headers, BEHIND, (!behind.is_empty()).then(|| names(&behind)));
    Ok(response)
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().take(NAMED_MAX).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const fn writes(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

fn asked(uri: &Uri) -> Result<bool, Problem> {
    let query = Query::<WriteQuery>::try_from_uri(uri)
        .map_err(|error| Problem::new(Code::InvalidParameter, error.body_text()))?;
    Ok(matches!(query.0.wait, Some(Wait::Applied)))
}

/// What every write may be asked beside its own parameters.
#[derive(Deserialize)]
struct WriteQuery {
    wait: Option<Wait>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wait {
    Applied,
}
