//! Which models a caller may ask for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use domain::ModelName;
use serde::Serialize;
use utoipa::ToSchema;
use wire::openai_chat::error::ErrorCode;

use super::{auth, respond::ClientError};
use crate::ClientEdge;

/// A model, as OpenAI's clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    #[schema(value_type = String, example = "gpt-4o-mini")]
    id: ModelName,
    /// Always `model`.
    #[schema(example = "model")]
    object: &'static str,
    /// Always 0: a gateway does not know when a model was made, and clients want a number.
    created: u64,
    /// Always `veloera`: whose channels serve it is nobody's concern.
    #[schema(example = "veloera")]
    owned_by: &'static str,
}

/// The models that a caller may ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<Model>,
}

impl Model {
    const fn of(id: ModelName) -> Self {
        Self { id, object: "model", created: 0, owned_by: "veloera" }
    }
}

/// Lists the models that the key may ask for.
#[utoipa::path(get, path = "/v1/models", tag = "client", operation_id = "list_models",
    responses((status = 200, description = "The models", body = ModelList)))]
pub(crate) async fn list(
    State(edge): State<Arc<ClientEdge>>,
    request: Request,
) -> Result<Json<ModelList>, ClientError> {
    let models = served(&edge, request).await?;
    Ok(Json(ModelList { object: "list", data: models.into_iter().map(Model::of).collect() }))
}

/// Reads one model.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "client", operation_id = "read_model",
    params(("id" = String, Path, description = "The model; it may hold slashes")),
    responses((status = 200, description = "The model", body = Model)))]
pub(crate) async fn read(
    State(edge): State<Arc<ClientEdge>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Model>, ClientError> {
    find(&edge, id.map(|Path(id)| id), request).await
}

/// Reads one model whose name holds slashes that the client did not escape.
pub(crate) async fn read_slashed(
    State(edge): State<Arc<ClientEdge>>,
    id: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<Model>, ClientError> {
    find(&edge, id.map(|Path((id, rest))| format!("{id}/{rest}")), request).await
}

async fn find(
    edge: &ClientEdge,
    id: Result<String, PathRejection>,
    request: Request,
) -> Result<Json<Model>, ClientError> {
    let models = served(edge, request).await?;
    // No model has a name that is no text.
    let id = id.map_err(|_| {
        ClientError::new(
            ErrorCode::ModelNotFound,
            "there is no such model: its name in the path is not UTF-8",
        )
    })?;
    models.into_iter().find(|model| model.as_str() == id).map(|model| Json(Model::of(model))).ok_or_else(
        || {
            let message = format!("the model `{id}` does not exist or you do not have access to it");
            ClientError::new(ErrorCode::ModelNotFound, message)
        },
    )
}

async fn served(edge: &ClientEdge, request: Request) -> Result<Vec<ModelName>, ClientError> {
    let (parts, _) = request.into_parts();
    let caller = auth::caller(edge, &parts).await?;
    Ok(edge.relay.models(&caller.group, caller.models.as_deref()))
}
