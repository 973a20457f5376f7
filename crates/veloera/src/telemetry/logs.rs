//! Log lines on their way to the collector, beside the ones on stderr.

use std::{fmt, sync::Arc};

use domain::TimeStamp;
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    logs::v1::{LogRecord, SeverityNumber},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{outbox::Outbox, value};
use crate::environment::Machine;

/// Who takes part in sending: what they say of it would make more to be sent.
const SENDERS: [&str; 4] = ["veloera::telemetry", "hyper", "h2", "rustls"];
/// The name of the field that says which trace a line belongs to.
const TRACE_ID: &str = "trace_id";

/// Puts each line into the outbox.
pub(super) struct LogLayer(pub(super) Arc<Outbox>);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if SENDERS.iter().any(|sender| target.starts_with(sender)) {
            return;
        }
        self.0.logs.put(record(event, Machine::now()));
    }
}

fn record(event: &Event<'_>, now: TimeStamp) -> LogRecord {
    let mut said = Said::default();
    event.record(&mut said);
    let level = *event.metadata().level();
    said.attributes.push(value::text("code.namespace", event.metadata().target()));
    let nanos = super::nanos(now);
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos,
        severity_number: severity(level).into(),
        severity_text: level.as_str().to_owned(),
        body: Some(value::body(said.message)),
        attributes: said.attributes,
        trace_id: said.trace_id,
        ..LogRecord::default()
    }
}

const fn severity(level: Level) -> SeverityNumber {
    match level {
        Level::ERROR => SeverityNumber::Error,
        Level::WARN => SeverityNumber::Warn,
        Level::INFO => SeverityNumber::Info,
        Level::DEBUG => SeverityNumber::Debug,
        Level::TRACE => SeverityNumber::Trace,
    }
}

/// What a line says.
#[derive(Default)]
struct Said {
    message: String,
    trace_id: Vec<u8>,
    attributes: Vec<KeyValue>,
}

impl Said {
    fn note(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            TRACE_ID => self.trace_id = hex::decode(&text).unwrap_or_default(),
            name => self.attributes.push(value::text(name, text)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.note(field, text.to_owned());
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.attributes.push(value::number(field.name(), number));
    }

    fn record_bool(&mut self, field: &Field, truth: bool) {
        self.attributes.push(value::truth(field.name(), truth));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::{LogLayer, Outbox};

    #[test]
    fn a_line_keeps_its_trace_and_its_fields() {
        let outbox = Arc::new(Outbox::default());
        let subscriber = tracing_subscriber::registry().with(LogLayer(Arc::clone(&outbox)));
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(call.id = %7, trace_id = trace, took = 3_u64, "an attempt failed");
            tracing::info!(target: "hyper::client", "is not sent on");
        });
        let lines = outbox.logs.take();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line.trace_id, hex::decode(trace).unwrap());
        assert_eq!(line.severity_text, "WARN");
        assert_eq!(line.body, Some(super::value::body("an attempt failed".into())));
        assert_eq!(line.attributes[0], super::value::text("call.id", "7"));
        assert_eq!(line.attributes[1], super::value::number("took", 3));
    }
}
