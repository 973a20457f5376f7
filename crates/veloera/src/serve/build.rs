//! The parts of a process that has the database, built in the order in which they need one another.

use std::sync::Arc;

use anyhow::Context;
use api::{ClientEdge, Edge, EdgeLimits, LoggedBalances, Metrics, Nodes, Onlooker, Setup, SignIn, Tails};
use domain::trace::Sampling;
use eventlog::{
    Clock, EventLog, Sealer,
    bus::{Nats, Publisher, Standings},
    passage::PassageObserver,
};
use ledger::{Bank, BankOptions, ChargeObserver, Unheard};
use projections::{Calls, Directory, lookup::TokenLookup};
use relay::{ChannelKeeper, Observer, Ports, Providers, Relay, RelayConfig};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    log_options,
    redis::{self, RedisModels},
    work::Work,
};
use crate::{
    config::{Config, NatsUrl, Role},
    data_dir::DataDir,
    environment::Machine,
    health::NodeHealth,
    keeper::Keeper,
    metrics::{History, NodeMetrics},
    ports::{Board, NodeLedger, ReadModels, WithTheLog},
    telemetry::{CallMeter, Telemetry},
};

/// How far the clocks of machines may be apart, in milliseconds.
const DRIFT_MS: u64 = 60_000;

/// Everything that runs.
pub(crate) struct Parts {
    pub(crate) log: EventLog,
    pub(crate) directory: Arc<Directory>,
    pub(super) work: Work,
    calls: Arc<Calls>,
    relay: Arc<Relay>,
    providers: Arc<Providers>,
    bank: Bank,
    keeper: Arc<dyn ChannelKeeper>,
    /// How publishing goes, where there is a bus.
    bus: Option<Standings>,
    /// The read models at a Redis server, where there is one.
    models: Option<RedisModels>,
    ends: Ends,
    meter: Arc<CallMeter>,
}

/// What comes to its end by itself when nothing else of this is left: one after the other.
pub(super) struct Ends {
    pub(super) appender: JoinHandle<()>,
    pub(super) publisher: Option<JoinHandle<()>>,
}

impl Parts {
    pub(super) async fn build(
        config: &Config,
        data_dir: &DataDir,
        sealer: Sealer,
        telemetry: &Telemetry,
        [ledger, control]: [&Handle; 2],
    ) -> anyhow::Result<Self> {
        let providers = Arc::new(providers(config)?);
        let (log, appender) = EventLog::open(data_dir.database(config)?, log_options(sealer.clone())).await?;
        let appender = ledger.spawn(appender.run());
        let bank = Bank::open(log.clone(), bank_options(config, telemetry)).await?;
        let directory = Directory::load(&log).await?;
        let port = Arc::new(bank.clone());
        let work = Work::begin(config, data_dir, port, Unheard::Fails, ledger).await?;
        let calls = Calls::load(&log).await?;
        let passages = Arc::clone(&telemetry.meter) as Arc<dyn PassageObserver>;
        calls.observed_by(Arc::clone(&passages));
        let (local, tended) = (Arc::clone(&work.node), bank.clone());
        work.follow(ledger, async move { tended.tend(move |journal| local.journal_id() == journal).await });
        work.follow(control, Arc::clone(&directory).follow(log.clone()));
        work.follow(control, Arc::clone(&calls).follow(log.clone()));
        let (bus, publisher) = publish(config, &log, &passages, control).await?;
        let models = ReadModels::new(Arc::clone(&directory), Arc::clone(&providers), sealer);
        let (keeper, reports) = Keeper::new();
        let keeper: Arc<dyn ChannelKeeper> = Arc::new(keeper);
        work.follow(control, reports.keep(log.clone()));
        let ports = ports(&work, models, Arc::clone(&keeper), telemetry);
        let relay = Relay::new(ports, relay_config(config), work.tasks.clone())?;
        if config.role != Role::Control {
            count_together(config, &relay, log.sealer().clone(), &work, control)?;
        }
        let models = redis::project(config, &log, passages, &work, control)?;
        let (ends, meter) = (Ends { appender, publisher }, Arc::clone(&telemetry.meter));
        Ok(Self { log, directory, work, calls, relay, providers, bank, keeper, bus, models, ends, meter })
    }

    pub(super) fn edge(&self, config: &Config, setup: Setup) -> Arc<Edge> {
        let node = Arc::clone(&self.work.node);
        let (log, calls, bus) = (self.log.clone(), Arc::clone(&self.calls), self.bus.clone());
        let history = History { log, calls, bus, models: self.models.clone() };
        let client = ClientEdge {
            directory: Arc::clone(&self.directory),
            tokens: TokenLookup::new(Arc::clone(&self.directory), Vec::new()),
            freshness: Arc::new(WithTheLog),
            balances: Arc::new(LoggedBalances(self.log.clone())),
            relay: Arc::clone(&self.relay),
            ids: Arc::new(Machine),
            clock: Arc::new(Machine),
            health: Arc::new(NodeHealth {
                log: self.log.clone(),
                node: Arc::clone(&node),
                directory: Arc::clone(&self.directory),
                calls: Arc::clone(&self.calls),
                bus: self.bus.clone(),
            }),
            onlooker: Arc::clone(&self.meter) as Arc<dyn Onlooker>,
            metrics: Metrics::new(Box::new(NodeMetrics {
                node,
                directory: Arc::clone(&self.directory),
                tokens: None,
                relay: Arc::clone(&self.relay),
                history: Some(history),
                freshness: None,
                meter: Arc::clone(&self.meter),
            })),
            metrics_key: config.metrics_key.clone(),
            cors_origins: config.cors_origins.clone(),
            limits: EdgeLimits::default(),
        };
        Arc::new(Edge {
            client: Arc::new(client),
            log: self.log.clone(),
            calls: Arc::clone(&self.calls),
            providers: Arc::clone(&self.providers),
            sign_in: SignIn::default(),
            setup,
            tails: Tails::default(),
            ledger: Arc::new(self.bank.clone()),
            keeper: Arc::clone(&self.keeper),
            nodes: Nodes::default(),
            stopping: self.work.stopping.clone(),
        })
    }

    /// What is to be ended, and what then ends by itself.
    pub(super) fn into_work(self) -> (Work, Ends) {
        (self.work, self.ends)
    }
}

/// Has the limits counted together with the other nodes that carry calls, where there is a server for that.
pub(super) fn count_together(
    config: &Config,
    relay: &Arc<Relay>,
    sealer: Sealer,
    work: &Work,
    on: &Handle,
) -> anyhow::Result<()> {
    if let Some(board) = Board::of(config, sealer)? {
        work.follow(on, Arc::clone(relay).share_limits(board));
    }
    Ok(())
}

/// Has what is appended told to relay nodes, where there is a bus.
async fn publish(
    config: &Config,
    log: &EventLog,
    observer: &Arc<dyn PassageObserver>,
    on: &Handle,
) -> anyhow::Result<(Option<Standings>, Option<JoinHandle<()>>)> {
    let Some(nats) = nats(config, log.sealer()).await? else { return Ok((None, None)) };
    let clock: Arc<dyn Clock> = Arc::new(Machine);
    let publisher = Publisher::new(&nats, log, &clock).observed_by(observer);
    Ok((Some(publisher.standings()), Some(on.spawn(publisher.run()))))
}

/// The bus between nodes, where there is one. It may well be away now.
pub(super) async fn nats(config: &Config, sealer: &Sealer) -> anyhow::Result<Option<Nats>> {
    let Some(NatsUrl(urls)) = &config.nats_url else { return Ok(None) };
    Ok(Some(Nats::connect(urls, sealer.clone()).await.context("nats_url")?))
}

pub(super) fn ports(
    work: &Work,
    models: ReadModels,
    keeper: Arc<dyn ChannelKeeper>,
    telemetry: &Telemetry,
) -> Ports {
    Ports {
        ledger: Arc::new(NodeLedger(Arc::clone(&work.node))),
        directory: Arc::new(models),
        clock: Arc::new(Machine),
        keeper,
        observer: Arc::clone(&telemetry.meter) as Arc<dyn Observer>,
    }
}

pub(crate) fn providers(config: &Config) -> anyhow::Result<Providers> {
    let builtin = Providers::builtin()?;
    let Some(path) = &config.providers_file else { return Ok(builtin) };
    let text = std::fs::read_to_string(path).with_context(|| format!("providers_file {}", path.display()))?;
    builtin.over(&text).with_context(|| format!("providers_file {}", path.display()))
}

/// What is reclaimed has outlived the longest call.
fn bank_options(config: &Config, telemetry: &Telemetry) -> BankOptions {
    let grace_ms = config.total_timeout_ms.saturating_add(DRIFT_MS);
    BankOptions {
        grace_ms,
        lease_ttl_ms: config.lease_ttl_ms,
        observer: Some(Arc::clone(&telemetry.meter) as Arc<dyn ChargeObserver>),
        ..BankOptions::new(Arc::new(Machine))
    }
}

pub(super) fn relay_config(config: &Config) -> RelayConfig {
    RelayConfig {
        first_byte_timeout_ms: config.first_byte_timeout_ms,
        idle_timeout_ms: config.idle_timeout_ms,
        total_timeout_ms: config.total_timeout_ms,
        sampling: match &config.otlp {
            Some(_) => Sampling::per_million(config.trace_samples_per_million),
            None => Sampling::NONE,
        },
        ..RelayConfig::default()
    }
}
