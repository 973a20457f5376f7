//! What the node says of itself to Prometheus: read where it stands, when somebody asks.

mod process;

use std::{
    fmt::{self, Debug, Formatter},
    sync::Arc,
    time::Duration,
};

use eventlog::EventLog;
use ledger::Node;
use projections::{
    Calls, Directory,
    calls::{CallKind, CallTotals},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use relay::{Relay, Why};

/// Everything of one process that can be counted.
pub(crate) struct NodeMetrics {
    pub(crate) log: EventLog,
    pub(crate) node: Arc<Node>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) relay: Arc<Relay>,
}

/// No labels, one, or more.
type Labels = Vec<(&'static str, String)>;

/// Writes metrics of one kind after another.
struct Page<'p>(DescriptorEncoder<'p>);

impl Debug for NodeMetrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeMetrics").finish_non_exhaustive()
    }
}

impl Collector for NodeMetrics {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        page.gauge(
            "veloera_build_info",
            "Always 1",
            [(vec![("version", env!("CARGO_PKG_VERSION").into())], 1)],
        )?;
        self.logs(&mut page)?;
        self.ledger(&mut page)?;
        self.circuits(&mut page)?;
        charged(&mut page, &self.calls.totals())?;
        process::encode(&mut page)
    }
}

impl NodeMetrics {
    fn logs(&self, page: &mut Page<'_>) -> fmt::Result {
        let heads = *self.log.subscribe().borrow();
        page.gauge(
            "veloera_log_position",
            "The last position of a log",
            [
                (vec![("log", "control".into())], heads.control),
                (vec![("log", "ledger".into())], heads.ledger),
            ],
        )?;
        page.gauge(
            "veloera_projection_lag_events",
            "How far a read model is behind its log",
            [
                (
                    vec![("projection", "directory".into())],
                    heads.control.saturating_sub(self.directory.position()),
                ),
                (vec![("projection", "calls".into())], heads.ledger.saturating_sub(self.calls.position())),
            ],
        )
    }

    fn ledger(&self, page: &mut Page<'_>) -> fmt::Result {
        let open = u64::try_from(self.node.open_calls()).unwrap_or(u64::MAX);
        page.gauge("veloera_calls_open", "Calls that have reserved and not ended", [(Labels::new(), open)])?;
        let lag = self.node.lag();
        page.gauge(
            "veloera_journal_lag_records",
            "Records that the ledger does not have yet",
            [(Labels::new(), lag)],
        )?;
        let admits = u64::from(self.node.admits().is_ok());
        page.gauge(
            "veloera_journal_admits",
            "Whether calls can reserve: 1, or 0 while they answer 503",
            [(Labels::new(), admits)],
        )
    }

    fn circuits(&self, page: &mut Page<'_>) -> fmt::Result {
        let open = self.relay.open_circuits().into_iter().map(|circuit| {
            let why = match circuit.why {
                Why::Limited => "limited",
                Why::Failing => "failing",
            };
            let labels = vec![
                ("channel_id", circuit.channel_id.to_string()),
                ("key_id", circuit.key_id.to_string()),
                ("model", circuit.model.map(|model| model.to_string()).unwrap_or_default()),
                ("why", why.to_owned()),
            ];
            (labels, circuit.rests_ms.map_or(1, |ms| 1 + u64::from(ms > 0)))
        });
        page.gauge("veloera_circuit_state", "1: half open, 2: open; closed ones are not listed", open)
    }
}

/// What calls came to, as the usage log takes them in.
fn charged(page: &mut Page<'_>, totals: &[(CallKind, CallTotals)]) -> fmt::Result {
    let mut sums = |name, help, of: fn(&CallTotals) -> u64| {
        page.counter(name, help, totals.iter().map(|(kind, totals)| (labels(kind), of(totals))))
    };
    sums("veloera_calls_charged", "Calls that ended and were charged", |it| it.calls)?;
    sums("veloera_calls_in_doubt", "Of those charged: how many may have cost less", |it| it.in_doubt)?;
    sums("veloera_attempts", "Channels tried for the calls that were charged", |it| it.attempts)?;
    sums("veloera_input_tokens", "Tokens that went in", |it| it.input_tokens)?;
    sums("veloera_output_tokens", "Tokens that came out", |it| it.output_tokens)?;
    sums("veloera_charged_nanos", "What was charged, in billionths of a dollar", |it| it.amount_nanos)
}

fn labels(kind: &CallKind) -> Labels {
    let model = kind.model.as_ref().map_or_else(|| "(others)".to_owned(), ToString::to_string);
    let mode = if kind.is_streamed { "stream" } else { "whole" };
    vec![("model", model), ("mode", mode.to_owned())]
}

impl Page<'_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let metric = |value| ConstGauge::<u64>::new(value);
        self.lines(
            name,
            help,
            MetricType::Gauge,
            lines.into_iter().map(|(labels, value)| (labels, metric(value))),
        )
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let metric = |value| ConstCounter::<u64>::new(value);
        self.lines(
            name,
            help,
            MetricType::Counter,
            lines.into_iter().map(|(labels, value)| (labels, metric(value))),
        )
    }

    /// A counter of seconds, to the millisecond.
    fn seconds(&mut self, name: &str, help: &str, ms: u64) -> fmt::Result {
        let seconds = Duration::from_millis(ms).as_secs_f64();
        let line = (Labels::new(), ConstCounter::<f64>::new(seconds));
        self.lines(name, help, MetricType::Counter, std::iter::once(line))
    }

    fn lines<M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        metric_type: MetricType,
        lines: impl Iterator<Item = (Labels, M)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, metric_type)?;
        for (labels, metric) in lines {
            if labels.is_empty() {
                metric.encode(encoder)?;
                return Ok(());
            }
            metric.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
