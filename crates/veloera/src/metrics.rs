//! What the node says of itself to Prometheus: read where it stands, when somebody asks.

mod bus;
mod calls;
mod limits;
mod process;
mod tokens;

use std::{
    fmt::{self, Debug, Formatter},
    sync::Arc,
    time::Duration,
};

use cluster::{Freshness, Stale};
use eventlog::{EventLog, bus::Standings};
use ledger::{Node, NodeClock};
use projections::{
    Calls, Directory,
    calls::{CallKind, CallTotals},
    lookup::TokenLookup,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use relay::{Relay, Why};

use crate::{
    environment::Machine,
    serve::RedisModels,
    telemetry::{CallMeter, Tally},
};

/// Everything of one process that can be counted.
pub(crate) struct NodeMetrics {
    pub(crate) node: Arc<Node>,
    pub(crate) directory: Arc<Directory>,
    /// Where tokens are looked up.
    pub(crate) tokens: Option<Arc<TokenLookup>>,
    pub(crate) relay: Arc<Relay>,
    /// Where the process has the database.
    pub(crate) history: Option<History>,
    /// Where it has not.
    pub(crate) freshness: Option<Arc<Freshness>>,
    pub(crate) meter: Arc<CallMeter>,
}

/// The logs, and what is made of them beside what calls need.
pub(crate) struct History {
    pub(crate) log: EventLog,
    pub(crate) calls: Arc<Calls>,
    /// How publishing goes, where there is a bus.
    pub(crate) bus: Option<Standings>,
    /// The read models at a Redis server, where there is one.
    pub(crate) models: Option<RedisModels>,
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
        if let Some(history) = &self.history {
            self.logs(&mut page, history)?;
            charged(&mut page, &history.calls.totals())?;
            if let Some(standings) = &history.bus {
                bus::encode(&mut page, standings)?;
            }
        }
        if let Some(freshness) = &self.freshness {
            self.sync(&mut page, freshness)?;
        }
        if let Some(tokens) = &self.tokens {
            tokens::encode(&mut page, tokens, self.directory.token_counts())?;
        }
        self.ledger(&mut page)?;
        self.circuits(&mut page)?;
        calls::encode(&mut page, &self.meter)?;
        limits::encode(&mut page, self.relay.limits())?;
        process::encode(&mut page)
    }
}

impl NodeMetrics {
    fn logs(&self, page: &mut Page<'_>, History { log, calls, models, .. }: &History) -> fmt::Result {
        let heads = *log.subscribe().borrow();
        let behind = |position| heads.control.saturating_sub(position);
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
                (vec![("projection", "directory".into())], behind(self.directory.position())),
                (vec![("projection", "calls".into())], heads.ledger.saturating_sub(calls.position())),
            ]
            .into_iter()
            .chain(models.iter().flat_map(|models| {
                let accounts = heads.ledger.saturating_sub(models.accounts.position());
                [
                    (vec![("projection", "redis".into())], behind(models.control.position())),
                    (vec![("projection", "redis_accounts".into())], accounts),
                ]
            })),
        )?;
        let waiting = u64::try_from(log.waiting()).unwrap_or(u64::MAX);
        page.gauge(
            "veloera_append_waiting",
            "Commands that wait to be carried out; at most 1024 do",
            [(Labels::new(), waiting)],
        )?;
        let waited = calls.waiting_since().map_or(0, |since| Machine::now().ms_since(since));
        page.gauge_seconds(
            "veloera_projection_lag_seconds",
            "How long ago the first event was recorded that a read model has not taken in",
            [(vec![("projection", "calls".into())], waited)],
        )
    }

    fn sync(&self, page: &mut Page<'_>, freshness: &Freshness) -> fmt::Result {
        let position = self.directory.position();
        page.gauge(
            "veloera_sync_position",
            "How far this node has followed a log of the control nodes",
            [(vec![("log", "control".into())], position)],
        )?;
        let now_ms = NodeClock::boot_ms(&Machine);
        if let Some(age_ms) = freshness.age_ms(now_ms) {
            page.gauge_seconds(
                "veloera_sync_age_seconds",
                "How long ago this node last knew that nothing was missing",
                [(Labels::new(), age_ms)],
            )?;
        }
        let Stale { callers, prices, channels } = freshness.stale(now_ms);
        let stale = [("callers", callers), ("prices", prices), ("channels", channels)];
        page.gauge(
            "veloera_sync_stale",
            "Whether what this node knows is too old to be relied upon: 1, or 0",
            stale.map(|(class, is_stale)| (vec![("class", class.into())], u64::from(is_stale))),
        )?;
        let skipped = [(Labels::new(), self.directory.skipped())];
        page.counter(
            "veloera_sync_events_skipped",
            "Events of kinds that this version does not know",
            skipped,
        )
    }

    fn ledger(&self, page: &mut Page<'_>) -> fmt::Result {
        let open = u64::try_from(self.node.open_calls()).unwrap_or(u64::MAX);
        page.gauge("veloera_calls_open", "Calls that have reserved and not ended", [(Labels::new(), open)])?;
        let leases = u64::try_from(self.node.open_leases()).unwrap_or(u64::MAX);
        page.gauge("veloera_leases_open", "Leases that this node holds quota of", [(Labels::new(), leases)])?;
        let written = [(Labels::new(), self.node.written())];
        page.counter("veloera_journal_records", "Records of the journal, from its beginning", written)?;
        let lag = self.node.lag();
        page.gauge(
            "veloera_journal_lag_records",
            "Records that the ledger does not have yet",
            [(Labels::new(), lag)],
        )?;
        let (bytes, bytes_max) = self.node.journal_bytes();
        page.gauge("veloera_journal_bytes", "What the journal's files take", [(Labels::new(), bytes)])?;
        page.gauge(
            "veloera_journal_bytes_max",
            "The most that they may: then calls answer 503",
            [(Labels::new(), bytes_max)],
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

    fn histogram<'t>(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels, &'t Tally)>,
    ) -> fmt::Result {
        self.lines(name, help, MetricType::Histogram, lines.into_iter())
    }

    /// A counter of seconds, to the millisecond.
    fn seconds(&mut self, name: &str, help: &str, ms: u64) -> fmt::Result {
        let seconds = Duration::from_millis(ms).as_secs_f64();
        let line = (Labels::new(), ConstCounter::<f64>::new(seconds));
        self.lines(name, help, MetricType::Counter, std::iter::once(line))
    }

    /// Lengths of time, to the millisecond.
    fn gauge_seconds(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let seconds = |ms| ConstGauge::<f64>::new(Duration::from_millis(ms).as_secs_f64());
        let lines = lines.into_iter().map(|(labels, ms)| (labels, seconds(ms)));
        self.lines(name, help, MetricType::Gauge, lines)
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
