//! Every request has an id, made here: of a call it is the call's own. With it each is logged.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::CallId;
use tokio::time::Instant;

use crate::ClientEdge;

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
    let begun = Instant::now();
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(call_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    log(call_id, &method, &path, response.status(), begun.elapsed());
    response
}

/// Calls and probes come by the thousand: they are told only to whoever asks for them.
fn log(call_id: CallId, method: &Method, path: &str, status: StatusCode, took: Duration) {
    let (status, took_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    if status >= 500 {
        tracing::warn!(%call_id, %method, path, status, took_ms, "request");
    } else if path.starts_with("/api/") {
        tracing::info!(%call_id, %method, path, status, took_ms, "request");
    } else {
        tracing::debug!(%call_id, %method, path, status, took_ms, "request");
    }
}
