//! What every request is wrapped in, and only once, for each layer costs a call as much as reading it does: its id, which of
//! a call is the call's own; its place among the counts; a line in the log; and an answer even where it panics.

use std::{any::Any, borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{
    CallId,
    trace::{CallTrace, TraceContext},
};
use futures_util::FutureExt as _;
use relay::Incoming;
use tokio::time::Instant;
use wire::openai_chat::error::ErrorCode;

use crate::{
    Asked, ClientEdge,
    client::respond::{ClientError, TraceName},
    metrics::{Pattern, method_name},
    problem::{Code, Problem},
};

/// What is logged, and has a span, whatever comes of it: people ask for it, and not by the thousand.
const LOGGED: &str = "/api/";

/// A request that has come in, with what is told of it when it is answered.
pub(crate) struct Arrived {
    begun: Instant,
    id: CallId,
    method: Method,
    /// The path alone: what follows it may be a key.
    path: Cow<'static, str>,
    /// Where it leads, if it leads anywhere.
    route: Option<Pattern>,
    /// A call's trace is for the relay to find.
    trace: Option<CallTrace>,
}

impl Arrived {
    /// A call to the path of a route.
    pub(crate) fn call(edge: &ClientEdge, path: &'static str) -> Self {
        Self {
            begun: Instant::now(),
            id: CallId(edge.ids.uuid()),
            method: Method::POST,
            path: path.into(),
            route: Some(Pattern(path.into())),
            trace: None,
        }
    }

    /// Anything that a router has found the place of.
    fn request(edge: &ClientEdge, request: &Request) -> Self {
        let (begun, id, path) = (Instant::now(), CallId(edge.ids.uuid()), request.uri().path());
        let route = request.extensions().get::<MatchedPath>();
        let trace = || edge.relay.trace_of(id, &Incoming::read(request.headers()));
        Self {
            begun,
            id,
            method: request.method().clone(),
            path: path.to_owned().into(),
            route: route.map(|route| Pattern(route.as_str().to_owned().into())),
            trace: path.starts_with(LOGGED).then(trace).flatten(),
        }
    }

    /// Names it.
    pub(crate) const fn id(&self) -> CallId {
        self.id
    }

    /// Says its id in the answer, whatever that is, counts it where there is such a route, and logs what came of it.
    pub(crate) async fn answered<A: IntoResponse>(
        self,
        edge: &ClientEdge,
        answer: impl Future<Output = A>,
    ) -> Response {
        let answered = AssertUnwindSafe(answer).catch_unwind().await;
        let mut response = match answered {
            Ok(answer) => answer.into_response(),
            Err(panic) => panicked(panic, &self.path),
        };
        if let Ok(value) = HeaderValue::try_from(self.id.to_string()) {
            response.headers_mut().insert("x-request-id", value);
        }
        let (status, took) = (response.status(), self.begun.elapsed());
        // Of calls only those are logged that fail: their traces come with the error.
        let told = response.extensions().get::<TraceName>().map(|TraceName(trace_id)| trace_id.as_str());
        let own = self.trace.map(|trace| trace.context.trace_text());
        self.log(own.as_deref().or(told), status, took);
        self.tell(edge, status, took);
        response
    }

    /// Calls and probes come by the thousand: they are told only to whoever asks for them.
    fn log(&self, trace_id: Option<&str>, status: StatusCode, took: Duration) {
        let Self { id: call_id, method, path, .. } = self;
        let (status, took_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if status >= 500 {
            tracing::warn!(%call_id, trace_id, %method, %path, status, took_ms, "request");
        } else if path.starts_with(LOGGED) {
            tracing::info!(%call_id, trace_id, %method, %path, status, took_ms, "request");
        } else {
            tracing::debug!(%call_id, trace_id, %method, %path, status, took_ms, "request");
        }
    }

    /// Tells whoever counts and whoever draws.
    fn tell(self, edge: &ClientEdge, status: StatusCode, took: Duration) {
        let Self { id: request_id, method, route, trace, .. } = self;
        if let Some(trace) = trace.filter(|trace| trace.is_recorded) {
            let (method, status) = (method_name(&method), status.as_u16());
            let route = route.as_ref().map(|Pattern(route)| route.clone());
            edge.onlooker.answered(Asked { request_id, method, route, status, took, trace });
        }
        if let Some(route) = route {
            edge.metrics.note(&method, route, status, took);
        }
    }
}

/// What a router's answers go through, which the request's id goes with.
pub(crate) async fn answer(
    State(edge): State<Arc<ClientEdge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrived = Arrived::request(&edge, &request);
    request.extensions_mut().insert(arrived.id);
    if let Some(trace) = arrived.trace {
        request.extensions_mut().insert(trace);
    }
    arrived.answered(&edge, next.run(request)).await
}

/// The trace that what comes of a request belongs to: under the request's own span, where it has one.
pub(crate) fn traced(parts: &Parts) -> Option<TraceContext> {
    let own = parts.extensions.get::<CallTrace>().map(|trace| trace.context);
    own.or_else(|| Incoming::read(&parts.headers).parent())
}

/// Whether API clients ask there, who read errors in a format of their own.
pub(crate) fn is_client(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// The request panicked: its answer says so, and the process goes on.
fn panicked(panic: Box<dyn Any + Send>, path: &str) -> Response {
    log_panic(panic);
    if is_client(path) {
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
