//! The documentation page: Swagger UI over the document, all of it in the binary, so that it works without a network.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::Edge;

/// Nothing comes from elsewhere, and the page asks nobody else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

/// The page, under `/api/docs`.
pub(crate) fn page() -> Router<Arc<Edge>> {
    let config = Config::from("/api/openapi.json").deep_linking(true);
    Router::from(SwaggerUi::new("/api/docs").config(config))
        .layer(SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, POLICY))
}
