//! The pages of the first start: plain HTML, without scripts.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

const FRAME: &str = include_str!("page.html");
const FORM: &str = include_str!("form.html");
const CLOSED: &str = "<h1>This link has been used</h1><p>Or it is of an earlier start. Where nobody has set this node up \
     yet, its start-up prints a link that works.</p>";

/// The form, with what was wrong with what was filled in.
pub(super) fn form(wrong: &str) -> Response {
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    html(status, &FORM.replace("{{wrong}}", &escaped(wrong)))
}

/// It is done.
pub(super) fn done(admin_key: &str) -> Response {
    let body = format!(
        "<h1>This node is yours</h1><p>Sign in with your name and password, or let programs use this admin key. It is \
         shown once:</p><pre>{}</pre><p>The interface is described at <a href=\"/api/docs\">/api/docs</a>.</p>",
        escaped(admin_key)
    );
    html(StatusCode::CREATED, &body)
}

/// The link leads nowhere.
pub(super) fn closed() -> Response {
    html(StatusCode::GONE, CLOSED)
}

fn html(status: StatusCode, body: &str) -> Response {
    const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
            ),
        ),
    ];
    (status, HEADERS, FRAME.replace("{{body}}", body)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
