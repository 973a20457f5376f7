//! Which web pages of others may ask (CORS): none, unless the operator names them.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::{
    dispatch::POSITION,
    extract::applied::{APPLIED, BEHIND},
};

/// How long a browser may remember the answer.
const REMEMBERED: Duration = Duration::from_hours(1);
/// What of an answer such a page may see beside the body.
const SHOWN: [HeaderName; 7] = [
    header::ETAG,
    header::RETRY_AFTER,
    POSITION,
    APPLIED,
    BEHIND,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-should-retry"),
];

/// Credentials stand in headers that a page sets itself, never in cookies, so none are allowed.
pub(crate) fn layer(origins: &[HeaderValue]) -> CorsLayer {
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().cloned())
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(SHOWN)
        .max_age(REMEMBERED)
}
