//! One way for every call: the caller, the body, the relay, and the answer as it comes.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::request::Parts,
    response::Response,
};
use domain::CallId;
use relay::{Caller, Format, Incoming};
use wire::openai_chat::error::ErrorCode;

use super::{auth, respond::ClientError};
use crate::{
    ClientEdge,
    extract::body::{self, BodyError},
};

/// Relays a request of that format.
pub(crate) async fn relayed(
    edge: &ClientEdge,
    format: Format,
    call_id: CallId,
    request: Request,
) -> Result<Response, ClientError> {
    let (parts, body) = request.into_parts();
    let (caller, body) = match received(edge, &parts, body).await {
        Ok(received) => received,
        Err(error) => {
            let from = Incoming::read(&parts.headers);
            let trace_id = edge.relay.refused(format, call_id, from, error.refused());
            return Err(error.traced(trace_id));
        }
    };
    let answered = edge.relay.call(format, call_id, caller, body, Incoming::read(&parts.headers)).await;
    let answer = answered.map_err(|error| {
        let trace = edge.relay.trace_of(call_id, &Incoming::read(&parts.headers));
        ClientError::from(error).traced(trace.map(|trace| trace.context.trace_text()))
    })?;
    let mut response = Response::new(Body::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

/// Who calls, and what they ask for.
async fn received(edge: &ClientEdge, parts: &Parts, body: Body) -> Result<(Caller, Bytes), ClientError> {
    let caller = auth::caller(edge, parts).await?;
    let bytes_max = edge.limits.relay_body_bytes_max;
    let read = body::read(body, bytes_max, edge.limits.body_wait_ms_max).await;
    let body = read.map_err(|error| match error {
        BodyError::TooLarge => {
            ClientError::new(ErrorCode::BodyTooLarge, format!("a request has at most {bytes_max} bytes here"))
        }
        BodyError::TooSlow => {
            ClientError::new(ErrorCode::RequestTimeout, "the request took too long to come; send it again")
        }
        BodyError::Broken => ClientError::new(ErrorCode::InvalidJson, "the request ended before its end"),
    })?;
    Ok((caller, body))
}
