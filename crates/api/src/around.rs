//! What every request is wrapped in, and only once, for each layer costs a call as much as reading it does: its id, which of
//! a call is the call's own; its place among the counts; a line in the log; and an answer even where it panics.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::CallId;
use futures_util::FutureExt as _;
use relay::Incoming;
use tokio::time::Instant;
use wire::openai_chat::error::ErrorCode;

use crate::{
    ClientEdge,
    client::respond::{ClientError, TraceName},
    problem::{Code, Problem},
};

/// What is logged whatever comes of it: people ask for it, and not by the thousand.
const LOGGED: &str = "/api/";

/// Makes the request's id, says it in the answer, whatever that is, counts it where there is such a route, and logs what
/// came of it.
pub(crate) async fn answer(
    State(edge): State<Arc<ClientEdge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let call_id = CallId(edge.ids.uuid());
    request.extensions_mut().insert(call_id);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let sent = uri.path().starts_with(LOGGED).then(|| Incoming::read(request.headers()).parent()).flatten();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|panic| panicked(panic, &uri));
    if let Ok(value) = HeaderValue::try_from(call_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    // Of calls only those are logged that fail: their traces come with the error.
    let told = response.extensions().get::<TraceName>().map(|TraceName(trace_id)| trace_id.as_str());
    let sent = sent.map(|context| context.trace_text());
    let (names, took) = ((call_id, sent.as_deref().or(told)), begun.elapsed());
    log(names, &method, &uri, response.status(), took);
    if let Some(route) = route {
        edge.metrics.note(&method, route, response.status(), took);
    }
    response
}

/// Calls and probes come by the thousand: they are told only to whoever asks for them.
fn log(
    (call_id, trace_id): (CallId, Option<&str>),
    method: &Method,
    uri: &Uri,
    status: StatusCode,
    took: Duration,
) {
    // The path alone: what follows it may be a key.
    let path = uri.path();
    let (status, took_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    if status >= 500 {
        tracing::warn!(%call_id, trace_id, %method, path, status, took_ms, "request");
    } else if path.starts_with(LOGGED) {
        tracing::info!(%call_id, trace_id, %method, path, status, took_ms, "request");
    } else {
        tracing::debug!(%call_id, trace_id, %method, path, status, took_ms, "request");
    }
}

/// Whether API clients ask there, who read errors in a format of their own.
pub(crate) fn is_client(uri: &Uri) -> bool {
    uri.path() == "/v1" || uri.path().starts_with("/v1/")
}

/// The request panicked: its answer says so, and the process goes on.
fn panicked(panic: Box<dyn Any + Send>, uri: &Uri) -> Response {
    log_panic(panic);
    if is_client(uri) {
        let message = "the request failed; the server's log says why";
        return ClientError::new(ErrorCode::Internal, message).into_response();
    }
    problem()
}

/// The same for nodes, whose answers are marked further out.
pub(crate) fn node_panicked(panic: Box<dyn Any + Send>) -> Response {
    log_panic(panic);
    problem()
}

fn problem() -> Response {
    Problem::new(Code::Internal, "the request failed; the server's log says why").into_response()
}

fn log_panic(panic: Box<dyn Any + Send>) {
    let text = panic.downcast::<String>().map(|text| *text);
    let message = text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()));
    tracing::error!(message = message.unwrap_or_default(), "a request panicked");
}
