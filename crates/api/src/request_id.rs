//! Every request has an id, made here: of a call it is the call's own. With it each is logged.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::CallId;
use relay::Incoming;
use tokio::time::Instant;

use crate::{ClientEdge, client::respond::TraceName};

/// What is logged whatever comes of it: people ask for it, and not by the thousand.
const LOGGED: &str = "/api/";

/// Makes the request's id, says it in the answer, whatever that is, and logs what came of it.
pub(crate) async fn identify(
    State(edge): State<Arc<ClientEdge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let call_id = CallId(edge.ids.uuid());
    request.extensions_mut().insert(call_id);
    // The path alone: what follows it may be a key.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let sent = path.starts_with(LOGGED).then(|| Incoming::read(request.headers()).parent()).flatten();
    let begun = Instant::now();
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(call_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    // Of calls only those are logged that fail: their traces come with the error.
    let told = response.extensions().get::<TraceName>().map(|TraceName(trace_id)| trace_id.as_str());
    let sent = sent.map(|context| context.trace_text());
    let names = (call_id, sent.as_deref().or(told));
    log(names, &method, &path, response.status(), begun.elapsed());
    response
}

/// Calls and probes come by the thousand: they are told only to whoever asks for them.
fn log(
    (call_id, trace_id): (CallId, Option<&str>),
    method: &Method,
    path: &str,
    status: StatusCode,
    took: Duration,
) {
    let (status, took_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    if status >= 500 {
        tracing::warn!(%call_id, trace_id, %method, path, status, took_ms, "request");
    } else if path.starts_with(LOGGED) {
        tracing::info!(%call_id, trace_id, %method, path, status, took_ms, "request");
    } else {
        tracing::debug!(%call_id, trace_id, %method, path, status, took_ms, "request");
    }
}
