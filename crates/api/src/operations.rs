//! What those who run the node ask for.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    ClientEdge, metrics,
    problem::{Code, Problem},
};

/// What one part of the node says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    #[schema(example = "log")]
    name: &'static str,
    /// Whether it can do its work.
    ok: bool,
    /// What it lacks, or how far behind it is.
    detail: String,
}

/// Whether the node can take calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadyView {
    ready: bool,
    checks: Vec<CheckView>,
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveView {
    /// Always true: who is not alive says nothing.
    live: bool,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/livez", tag = "operations",
    responses((status = 200, description = "It lives", body = LiveView)))]
pub(crate) async fn live() -> Json<LiveView> {
    Json(LiveView { live: true })
}

/// Says whether the node can take calls, and what is missing where it cannot.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, description = "It is ready", body = ReadyView),
        (status = 503, description = "It is not ready", body = ReadyView)))]
pub(crate) async fn ready(State(edge): State<Arc<ClientEdge>>) -> Response {
    let checks = edge.health.ready();
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = checks
        .into_iter()
        .map(|check| CheckView { name: check.name, ok: check.ok, detail: check.detail })
        .collect();
    (status, Json(ReadyView { ready, checks })).into_response()
}

/// Says what the node counts, in Prometheus' text format. Where a `metrics_key` is set, it is to be shown as the bearer
/// token.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(
    State(edge): State<Arc<ClientEdge>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(key) = &edge.metrics_key
        && !shows(&headers, key)
    {
        return Err(Problem::new(
            Code::Unauthenticated,
            "this node's metrics need the `metrics_key` as bearer token",
        ));
    }
    let text =
        edge.metrics.text().map_err(|_| Problem::new(Code::Internal, "a metric could not be written"))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// Compared by hash, so that the time it takes tells nothing of the key.
fn shows(headers: &HeaderMap, key: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    Sha256::digest(shown) == Sha256::digest(key)
}

/// The OpenAPI document as text, made once.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Arc<str>);

/// Describes all of this.
#[utoipa::path(get, path = "/api/openapi.json", tag = "operations", operation_id = "openapi",
    responses((status = 200, description = "This document", body = serde_json::Value)))]
pub(crate) async fn document(Extension(document): Extension<Document>) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([json], document.0.to_string()).into_response()
}
