//! Embeddings.

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

/// Turns texts or tokens into vectors, as numbers or in base64.
#[utoipa::path(post, path = "/v1/embeddings", tag = "client", operation_id = "create_embedding",
    request_body(content = serde_json::Value, description = "As in OpenAI's API; unknown fields are passed on",
        example = json!({"model": "text-embedding-3-small", "input": ["Hello!", "Good-bye!"]})),
    responses((status = 200, body = serde_json::Value, description = "The vectors as the provider gave them")))]
pub(crate) async fn embed(
    State(edge): State<Arc<ClientEdge>>,
    Extension(call_id): Extension<CallId>,
    request: Request,
) -> Result<Response, ClientError> {
    relayed(&edge, Format::OpenaiEmbeddings, call_id, request).await
}
