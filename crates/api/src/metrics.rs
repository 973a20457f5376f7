//! What the node counts, for Prometheus.
//!
//! Requests are counted here, as they are answered. Everything else is read where it stands, when somebody asks.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use tokio::time::Instant;

use crate::ClientEdge;

/// What the text is, for whoever reads it.
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// From what the gateway itself takes to the longest wait for a first byte, in seconds.
const BUCKETS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 60.0, 300.0,
];

/// Which requests. All values come from here: what clients make up is no label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    /// The route's pattern.
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// All metrics of a node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    took: Family<Route, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Requests, and what `node` says when it is asked.
    pub fn new(node: Box<dyn Collector>) -> Self {
        let mut registry = Registry::default();
        let (answered, took) =
            (Family::default(), Family::new_with_constructor(histogram as fn() -> Histogram));
        registry.register(
            "veloera_http_requests",
            "Requests answered, by route and status",
            Family::clone(&answered),
        );
        registry.register(
            "veloera_http_first_byte_seconds",
            "From a request's arrival to the first byte of its answer, the provider's time included",
            Family::clone(&took),
        );
        registry.register_collector(node);
        Self { registry, answered, took }
    }

    fn note(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let (method, status) = (name(method), status.as_u16());
        self.answered.get_or_create(&Answered { method, route: route.to_owned(), status }).inc();
        self.took.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Methods that no route knows are one.
const fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

/// Counts a request to a route that there is.
pub(crate) async fn count(State(edge): State<Arc<ClientEdge>>, request: Request, next: Next) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    if let Some(route) = route {
        edge.metrics.note(&method, route.as_str(), response.status(), begun.elapsed());
    }
    response
}
