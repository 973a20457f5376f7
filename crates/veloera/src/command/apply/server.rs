//! Asking a running server.

use std::time::Duration;

use anyhow::{Context, bail};
use api::Applied;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, header};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tokio::time::timeout;

use crate::{environment::Machine, pools};

const ANSWER_BYTES_MAX: usize = 16 << 20;
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Applies it there. Where the connection breaks it may be sent again: what is so already is left.
pub(super) fn apply(server: &str, admin_key: &str, wanted: &Value) -> anyhow::Result<Applied> {
    let uri = format!("{}/api/v1/apply", server.trim_end_matches('/'));
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::AUTHORIZATION, format!("Bearer {admin_key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", Machine::uuid().to_string());
    let request = match Machine::trace() {
        Some(trace) => request.header("traceparent", trace.to_string()),
        None => request,
    };
    let request = request.body(Full::new(bytes(wanted)?)).context("--server")?;
    let asked =
        async { timeout(ANSWER_MAX, ask(request)).await.context("the server did not answer in time")? };
    pools::single("control")?.block_on(asked)
}

fn bytes(wanted: &Value) -> anyhow::Result<hyper::body::Bytes> {
    Ok(serde_json::to_vec(wanted)?.into())
}

async fn ask(request: Request<Full<hyper::body::Bytes>>) -> anyhow::Result<Applied> {
    let tls = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_all_versions().build();
    let answer = Client::builder(TokioExecutor::new()).build(tls).request(request).await?;
    let status = answer.status();
    let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = read.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
    if status.is_success() {
        return Ok(serde_json::from_slice(&body)?);
    }
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = problem.get("detail").and_then(Value::as_str).unwrap_or("it does not say why");
    bail!("the server refused with status {status}: {told}")
}
