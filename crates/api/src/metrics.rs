//! What the node counts, for Prometheus.
//!
//! Requests are counted here, as they are answered. Everything else is read where it stands, when somebody asks.

use std::{borrow::Cow, fmt, time::Duration};

use axum::http::{Method, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, prometheus_text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
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
    route: Pattern,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Pattern,
}

/// A route's pattern. No call copies it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern(pub(crate) Cow<'static, str>);

impl EncodeLabelValue for Pattern {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.as_ref().encode(encoder)
    }
}

/// All metrics of a node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    took: Family<Route, Histogram, fn() -> Histogram>,
    propagated: Histogram,
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
        let propagated = histogram();
        registry.register(
            "veloera_propagation_seconds",
            "From an event of the control log to the report of a relay node that it heeds it",
            propagated.clone(),
        );
        registry.register_collector(node);
        Self { registry, answered, took, propagated }
    }

    /// A relay node has said that it heeds an event of so long ago.
    pub(crate) fn propagated(&self, ms: u64) {
        self.propagated.observe(Duration::from_millis(ms).as_secs_f64());
    }

    /// A request to a route that there is was answered, or has begun to be.
    pub(crate) fn note(&self, method: &Method, route: Pattern, status: StatusCode, took: Duration) {
        let (method, route, status) = (method_name(method), Route { route }, status.as_u16());
        self.took.get_or_create(&route).observe(took.as_secs_f64());
        self.answered.get_or_create(&Answered { method, route: route.route, status }).inc();
    }

    /// All of it as text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Methods that no route knows are one.
pub(crate) const fn method_name(method: &Method) -> &'static str {
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
