//! Completions of plain prompts.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use domain::CallId;
use relay::Format;

use super::{relayed::relayed, respond::ClientError};
use crate::ClientEdge;

/// Goes on from a prompt, whole or as a stream of server-sent events.
#[utoipa::path(post, path = "/v1/completions", tag = "client", operation_id = "create_completion",
    request_body(content = serde_json::Value, description = "As in OpenAI's API; unknown fields are passed on",
        example = json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "max_tokens": 16})),
    responses((status = 200, content(
        (serde_json::Value = "application/json"),
        (String = "text/event-stream")
    ), description = "The answer as the provider gave it")))]
pub(crate) async fn complete(
    State(edge): State<Arc<ClientEdge>>,
    Extension(call_id): Extension<CallId>,
    request: Request,
) -> Result<Response, ClientError> {
    relayed(&edge, Format::OpenaiCompletions, call_id, request).await
}
