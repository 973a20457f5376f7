//! Sends what is in the outbox, and the metrics every now and then, to a collector: OTLP over HTTP, in protobuf.
//!
//! A collector that does not answer is left alone for a while; meanwhile what does not fit into the outbox is dropped and
//! counted. Nothing that carries calls learns of it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Method, Request, body::Bytes, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::InstrumentationScope,
    logs::v1::{ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::outbox::Outbox;
use crate::config::Otlp;

const SEND_EVERY: Duration = Duration::from_secs(1);
const METRICS_EVERY: Duration = Duration::from_secs(15);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// For how long a collector that fails is left alone.
const PAUSE: Duration = Duration::from_secs(10);
/// How much is read of an answer: nothing in it is needed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Makes the metrics of the moment.
pub(crate) type MetricsNow = Box<dyn Fn() -> Vec<Metric> + Send + Sync>;

/// On its way to one collector.
pub(crate) struct Exporter {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    otlp: Otlp,
    headers: HeaderMap,
    resource: Resource,
    outbox: Arc<Outbox>,
    /// Gone at the end: it holds on to what it tells of.
    metrics: Option<MetricsNow>,
    /// Until when the collector is left alone.
    rests_until: Option<Instant>,
}

impl Exporter {
    pub(crate) fn new(otlp: Otlp, resource: Resource, outbox: Arc<Outbox>, metrics: MetricsNow) -> Self {
        let tls =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_all_versions().build();
        let mut headers: HeaderMap = otlp.headers.iter().cloned().collect();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-protobuf"));
        let client = Client::builder(TokioExecutor::new()).build(tls);
        Self { client, otlp, headers, resource, outbox, metrics: Some(metrics), rests_until: None }
    }

    /// Works until `stop` resolves: then the last metrics are sent, and whoever makes them is let go.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) -> Self {
        let (mut beat, mut metrics) = (interval(SEND_EVERY), interval(METRICS_EVERY));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = metrics.tick() => self.send_metrics().await,
                _ = beat.tick() => self.send_waiting().await,
            }
        }
        // Whoever asks for the metrics has the last calls counted, and their spans drawn.
        self.send_metrics().await;
        self.metrics = None;
        self
    }

    /// Sends what waits once more, when nobody else does anything.
    pub(crate) async fn finish(mut self) {
        self.send_waiting().await;
    }

    async fn send_waiting(&mut self) {
        if self.rests() {
            return;
        }
        let spans = self.outbox.spans.take();
        if !spans.is_empty() {
            let count = spans.len();
            let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
            let of = ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans,
                ..ResourceSpans::default()
            };
            let sent = self.send("traces", &ExportTraceServiceRequest { resource_spans: vec![of] }).await;
            if sent { self.outbox.spans.sent(count) } else { self.outbox.spans.lost(count) }
        }
        let log_records = self.outbox.logs.take();
        if !log_records.is_empty() {
            let count = log_records.len();
            let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
            let of =
                ResourceLogs { resource: Some(self.resource.clone()), scope_logs, ..ResourceLogs::default() };
            let sent = self.send("logs", &ExportLogsServiceRequest { resource_logs: vec![of] }).await;
            if sent { self.outbox.logs.sent(count) } else { self.outbox.logs.lost(count) }
        }
    }

    async fn send_metrics(&mut self) {
        if self.rests() {
            return;
        }
        let Some(metrics) = self.metrics.as_ref().map(|now| now()) else { return };
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let of = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics,
            ..ResourceMetrics::default()
        };
        self.send("metrics", &ExportMetricsServiceRequest { resource_metrics: vec![of] }).await;
    }

    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether the collector has taken it.
    async fn send(&mut self, signal: &'static str, message: &impl Message) -> bool {
        if self.rests() {
            return false;
        }
        let body = Bytes::from(message.encode_to_vec());
        let answered = timeout(ANSWER_MAX, self.post(signal, body)).await;
        let answered = answered.context("it does not answer in time").and_then(|answered| answered);
        match answered {
            Ok(()) if self.rests_until.take().is_some() => {
                tracing::info!(signal, "the collector takes telemetry again");
            }
            Ok(()) => {}
            Err(error) => {
                if self.rests_until.is_none() {
                    tracing::warn!(signal, "the collector takes no telemetry: {error:#}");
                }
                self.rests_until = Some(Instant::now() + PAUSE);
                return false;
            }
        }
        true
    }

    async fn post(&self, signal: &str, body: Bytes) -> anyhow::Result<()> {
        let uri = format!("{}/v1/{signal}", self.otlp.endpoint);
        let mut request = Request::builder().method(Method::POST).uri(uri).body(Full::new(body))?;
        request.headers_mut().extend(self.headers.clone());
        let answer = self.client.request(request).await?;
        let status = answer.status();
        // Read to its end, so that the connection serves again.
        let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        read.map_err(|error| anyhow::anyhow!("its answer broke off: {error}"))?;
        if !status.is_success() {
            bail!("it answers with status {status}");
        }
        Ok(())
    }
}

fn scope() -> InstrumentationScope {
    let (name, version) = ("veloera".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}
