//! Chat completions.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use domain::CallId;
use wire::openai_chat::error::ErrorCode;

use super::{auth, respond::ClientError};
use crate::{
    Edge,
    extract::body::{self, BodyError},
};

/// Answers a conversation, whole or as a stream of server-sent events.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "client", operation_id = "create_chat_completion",
    request_body(content = serde_json::Value, description = "As in OpenAI's API; unknown fields are passed on",
        example = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]})),
    responses((status = 200, content(
        (serde_json::Value = "application/json"),
        (String = "text/event-stream")
    ), description = "The answer as the provider gave it")))]
pub(crate) async fn chat(
    State(edge): State<Arc<Edge>>,
    Extension(call_id): Extension<CallId>,
    request: Request,
) -> Result<Response, ClientError> {
    let (parts, body) = request.into_parts();
    let caller = auth::caller(&edge, &parts)?;
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
    let answer = edge.relay.chat(call_id, caller, body).await?;
    let mut response = Response::new(Body::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}
