//! Every request has an id, made here: of a call it is the call's own.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use domain::CallId;

use crate::Edge;

/// Makes the request's id, and says it in the answer, whatever that is.
pub(crate) async fn identify(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let call_id = CallId(edge.ids.uuid());
    request.extensions_mut().insert(call_id);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(call_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
