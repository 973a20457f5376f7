//! What the process says of itself: log lines, for people or for machines, and what is sent to a collector.

mod calls;
mod exporter;
mod genai;
mod histogram;
mod logs;
mod metrics;
mod names;
mod outbox;
mod spans;
mod value;

use std::{io::Write, sync::Arc};

use domain::TimeStamp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::logs::LogLayer;
pub(crate) use self::{
    calls::CallMeter,
    exporter::Exporter,
    genai::{GenAi, Kind, Operations},
    histogram::Tally,
    outbox::Outbox,
};
use crate::{
    config::{Config, ConfigError, LogFormat, Role},
    environment::{Machine, host_name},
};

/// What is counted, and what is sent to a collector, where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Telemetry {
    pub(crate) meter: Arc<CallMeter>,
    outbox: Option<Arc<Outbox>>,
}

/// Starts logging to stderr, and to the collector where there is one.
pub(crate) fn start(config: &Config) -> Result<Telemetry, ConfigError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|_| ConfigError::Value {
        key: "log_filter",
        must: "a filter such as info or info,relay=debug",
        value: config.log_filter.clone(),
    })?;
    let outbox = config.otlp.is_some().then(|| Arc::new(Outbox::default()));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let sent = outbox.clone().map(LogLayer);
    // A second start in one process keeps the first's lines.
    let _ = tracing_subscriber::registry().with(filter).with(lines).with(sent).try_init();
    Ok(Telemetry { meter: Arc::new(CallMeter::new(outbox.clone())), outbox })
}

impl Telemetry {
    /// What sends it, with metrics made from `page` as Prometheus would read it; nothing where there is no collector.
    pub(crate) fn exporter(
        &self,
        config: &Config,
        page: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Option<Exporter> {
        let (otlp, outbox) = (config.otlp.clone()?, Arc::clone(self.outbox.as_ref()?));
        let began = nanos(Machine::now());
        let now = move || {
            let text = page().unwrap_or_default();
            metrics::read(&text, metrics::Span { began, now: nanos(Machine::now()) })
        };
        Some(Exporter::new(otlp, resource(config.role), outbox, Box::new(now)))
    }
}

/// Which process it is that says all this.
fn resource(role: Role) -> Resource {
    let role = match role {
        Role::All => "all",
        Role::Control => "control",
        Role::Relay => "relay",
    };
    let attributes = vec![
        value::text("service.name", "veloera"),
        value::text("service.namespace", "veloera"),
        value::text("service.version", env!("CARGO_PKG_VERSION")),
        value::text("service.instance.id", Machine::uuid().to_string()),
        value::text("host.name", host_name()),
        value::text("veloera.role", role),
    ];
    Resource { attributes, ..Resource::default() }
}

/// As OTLP counts time: nanoseconds since 1970.
fn nanos(at: TimeStamp) -> u64 {
    u64::try_from(at.micros()).unwrap_or(0).saturating_mul(1_000)
}

/// Says why the process ends, to whoever started it.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors name their cause already.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Where stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "veloera: {text}");
}
