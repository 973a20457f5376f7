//! What to send: the client's bytes, with what this provider wants otherwise.

use bytes::Bytes;
use domain::ModelName;
use http::{HeaderName, HeaderValue, Method, Request, header};
use thiserror::Error;
use wire::Edits;

use crate::{
    Choice,
    providers::{Auth, Provider},
};

const USER_AGENT: &str = concat!("veloera/", env!("CARGO_PKG_VERSION"));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A request that cannot be made; the catalogue is checked, so that none should be.
#[derive(Debug, Error)]
#[error("no request can be made for this channel: {0}")]
pub(crate) struct PrepareError(#[from] http::Error);

/// The request for one attempt. Nothing of the client's headers goes through.
pub(crate) fn prepare(
    choice: &Choice,
    asked: &wire::Request,
    model: &ModelName,
    output_limit: Option<u64>,
) -> Result<Request<Bytes>, PrepareError> {
    let provider = &*choice.route.provider;
    let upstream_model = choice.route.upstream_model(model);
    let edits = Edits {
        model: (upstream_model != model).then(|| upstream_model.as_str()),
        ask_for_usage: asked.stream() && provider.usage.stream_ask && !asked.wants_usage(),
        output_limit,
        rename: &provider.rename,
        drop: &provider.drop,
    };
    let mut request = Request::builder().method(Method::POST).uri(choice.url.clone());
    if let Some(headers) = request.headers_mut() {
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::ACCEPT, if asked.stream() { EVENTS } else { JSON });
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    }
    request = extra(request, provider, choice.key().header.clone());
    Ok(request.body(asked.rewritten(&edits))?)
}

fn extra(
    mut request: http::request::Builder,
    provider: &Provider,
    key: HeaderValue,
) -> http::request::Builder {
    for (name, value) in &provider.headers {
        request = request.header(name, value);
    }
    match &provider.auth {
        Auth::Bearer => request.header(header::AUTHORIZATION, key),
        Auth::Header(name) => match HeaderName::try_from(name) {
            Ok(name) => request.header(name, key),
            Err(_) => request,
        },
        Auth::None => request,
    }
}
