//! An OpenTelemetry collector that keeps what it is sent, so that tests can look at it.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{wait, world::SEEN_MAX};

/// Takes OTLP over HTTP. Dropped, it takes nothing more.
pub struct Collector {
    address: String,
    taken: Arc<Mutex<Taken>>,
    _tasks: JoinSet<()>,
}

/// Everything that was sent.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    pub spans: Vec<Span>,
    /// As they were last.
    pub metrics: Vec<Metric>,
    pub logs: Vec<LogRecord>,
    /// The headers of the last request.
    pub headers: HeaderMap,
}

impl Collector {
    /// One on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let taken = Arc::<Mutex<Taken>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&taken)));
        Self { address, taken, _tasks: tasks }
    }

    /// What a gateway is told.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that has come.
    pub fn taken(&self) -> Taken {
        self.taken.lock().clone()
    }

    /// Waits until something is found in what has come.
    pub async fn until<T>(&self, what: &str, mut find: impl FnMut(&Taken) -> Option<T>) -> T {
        wait::until(what, SEEN_MAX * 2, async || find(&self.taken.lock())).await
    }

    /// Waits for the span of that name in that trace.
    pub async fn span(&self, trace_id: &str, name: &str) -> Span {
        let trace_id = hex::decode(trace_id).expect("a trace's id");
        self.until(name, |taken| {
            taken.spans.iter().find(|span| span.name == name && span.trace_id == trace_id).cloned()
        })
        .await
    }
}

/// The text of an attribute, or its number.
pub fn attribute(of: &[KeyValue], key: &str) -> Option<String> {
    match of.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(truth) => Some(truth.to_string()),
        Value::ArrayValue(array) => {
            let texts = array.values.iter().filter_map(|value| match value.value.as_ref()? {
                Value::StringValue(text) => Some(text.as_str()),
                _ => None,
            });
            Some(format!("[{}]", texts.collect::<Vec<_>>().join(",")))
        }
        _ => None,
    }
}

async fn serve(listener: TcpListener, taken: Arc<Mutex<Taken>>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let taken = Arc::clone(&taken);
        connections.spawn(async move {
            let service = service_fn(|request| take(request, &taken));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn take(
    request: Request<Incoming>,
    taken: &Mutex<Taken>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut taken = taken.lock();
    taken.headers = parts.headers;
    match parts.uri.path() {
        "/v1/traces" => {
            let sent = ExportTraceServiceRequest::decode(body).expect("traces");
            let scopes = sent.resource_spans.into_iter().flat_map(|of| of.scope_spans);
            taken.spans.extend(scopes.flat_map(|of| of.spans));
        }
        "/v1/metrics" => {
            let sent = ExportMetricsServiceRequest::decode(body).expect("metrics");
            let scopes = sent.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
            taken.metrics = scopes.flat_map(|of| of.metrics).collect();
        }
        "/v1/logs" => {
            let sent = ExportLogsServiceRequest::decode(body).expect("logs");
            let scopes = sent.resource_logs.into_iter().flat_map(|of| of.scope_logs);
            taken.logs.extend(scopes.flat_map(|of| of.log_records));
        }
        other => panic!("nobody sends to {other}"),
    }
    Ok(Response::new(Empty::new()))
}
