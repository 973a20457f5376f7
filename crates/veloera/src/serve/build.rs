//! The parts of one process, built in the order in which they need one another.

use std::sync::Arc;

use anyhow::Context;
use api::{Edge, EdgeLimits, Metrics, Setup, SignIn, Tails};
use domain::JournalId;
use eventlog::{EventLog, Sealer};
use ledger::{Bank, BankOptions, Node, NodeOptions};
use projections::{Calls, Directory};
use relay::{Ports, Providers, Relay, RelayConfig};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::log_options;
use crate::{
    config::Config,
    data_dir::DataDir,
    environment::{Machine, boot_id},
    health::NodeHealth,
    keeper::Keeper,
    metrics::NodeMetrics,
    ports::{NodeLedger, ReadModels},
};

/// How far the clocks of machines may be apart, in milliseconds.
const DRIFT_MS: u64 = 60_000;

/// Everything that runs.
pub(crate) struct Parts {
    pub(crate) log: EventLog,
    pub(crate) directory: Arc<Directory>,
    pub(super) node: Arc<Node>,
    calls: Arc<Calls>,
    relay: Arc<Relay>,
    providers: Arc<Providers>,
    /// Calls whose clients have gone.
    pub(super) tasks: TaskTracker,
    /// Told when no more calls are taken.
    pub(super) stopping: CancellationToken,
    /// Told when every call has ended.
    pub(super) followers_stop: CancellationToken,
    pub(super) followers: TaskTracker,
    pub(super) appender: JoinHandle<()>,
}

impl Parts {
    pub(super) async fn build(
        config: &Config,
        data_dir: &DataDir,
        sealer: Sealer,
        ledger: &Handle,
        control: &Handle,
    ) -> anyhow::Result<Self> {
        let providers = Arc::new(providers(config)?);
        let (log, appender) = EventLog::open(data_dir.database(config)?, log_options(sealer.clone())).await?;
        let appender = ledger.spawn(appender.run());
        let bank = Bank::open(log.clone(), bank_options(config)).await?;
        let directory = Directory::load(&log).await?;
        let mut node_options = NodeOptions::new(data_dir.journal(), JournalId(Machine::uuid()), boot_id());
        node_options.sync = config.journal_sync;
        node_options.journal_bytes_max = config.journal_bytes_max;
        node_options.segment_bytes = config.journal_segment_bytes;
        let node = Node::open(node_options, Arc::new(bank.clone()), Arc::new(Machine)).await?;
        let calls = Calls::load(&log).await?;
        let (tasks, followers, followers_stop) =
            (TaskTracker::new(), TaskTracker::new(), CancellationToken::new());
        let stop = || followers_stop.clone().cancelled_owned();
        followers.spawn_on(Arc::clone(&node).run(stop()), ledger);
        followers.spawn_on(until(stop(), Arc::clone(&node).heed()), ledger);
        followers.spawn_on(until(stop(), Arc::clone(&node).answer_recalls()), ledger);
        let local = Arc::clone(&node);
        followers.spawn_on(until(stop(), bank.tend(move |journal| local.journal_id() == journal)), ledger);
        let following = Arc::clone(&directory).follow(log.clone());
        followers.spawn_on(until(stop(), following), control);
        followers.spawn_on(until(stop(), Arc::clone(&calls).follow(log.clone())), control);
        let models = ReadModels::new(Arc::clone(&directory), Arc::clone(&providers), sealer);
        let (keeper, reports) = Keeper::new();
        followers.spawn_on(until(stop(), reports.keep(log.clone())), control);
        let ports = Ports {
            ledger: Arc::new(NodeLedger(Arc::clone(&node))),
            directory: Arc::new(models),
            clock: Arc::new(Machine),
            keeper: Arc::new(keeper),
        };
        let relay = Relay::new(ports, relay_config(config), tasks.clone())?;
        Ok(Self {
            log,
            directory,
            node,
            calls,
            relay,
            providers,
            tasks,
            stopping: CancellationToken::new(),
            followers_stop,
            followers,
            appender,
        })
    }

    pub(super) fn edge(&self, config: &Config, setup: Setup) -> Edge {
        Edge {
            log: self.log.clone(),
            directory: Arc::clone(&self.directory),
            calls: Arc::clone(&self.calls),
            relay: Arc::clone(&self.relay),
            providers: Arc::clone(&self.providers),
            ids: Arc::new(Machine),
            clock: Arc::new(Machine),
            health: Arc::new(NodeHealth {
                log: self.log.clone(),
                node: Arc::clone(&self.node),
                directory: Arc::clone(&self.directory),
                calls: Arc::clone(&self.calls),
            }),
            metrics: Metrics::new(Box::new(NodeMetrics {
                log: self.log.clone(),
                node: Arc::clone(&self.node),
                directory: Arc::clone(&self.directory),
                calls: Arc::clone(&self.calls),
                relay: Arc::clone(&self.relay),
            })),
            metrics_key: config.metrics_key.clone(),
            sign_in: SignIn::default(),
            setup,
            tails: Tails::default(),
            stopping: self.stopping.clone(),
            cors_origins: config.cors_origins.clone(),
            limits: EdgeLimits::default(),
        }
    }

    /// Lets go of everything else, so that the appender comes to its end.
    pub(super) fn into_appender(self) -> JoinHandle<()> {
        self.appender
    }

    /// Resolves with `stop`, and tells the rest that it did.
    pub(super) fn stop_after<S>(&self, stop: S) -> impl Future<Output = ()> + Send + use<S>
    where
        S: Future<Output = ()> + Send,
    {
        let stopping = self.stopping.clone();
        async move {
            stop.await;
            stopping.cancel();
        }
    }
}

async fn until(stop: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = work => {}
    }
}

pub(crate) fn providers(config: &Config) -> anyhow::Result<Providers> {
    let builtin = Providers::builtin()?;
    let Some(path) = &config.providers_file else { return Ok(builtin) };
    let text = std::fs::read_to_string(path).with_context(|| format!("providers_file {}", path.display()))?;
    builtin.over(&text).with_context(|| format!("providers_file {}", path.display()))
}

/// What is reclaimed has outlived the longest call.
fn bank_options(config: &Config) -> BankOptions {
    let grace_ms = config.total_timeout_ms.saturating_add(DRIFT_MS);
    BankOptions { grace_ms, ..BankOptions::new(Arc::new(Machine)) }
}

fn relay_config(config: &Config) -> RelayConfig {
    RelayConfig {
        first_byte_timeout_ms: config.first_byte_timeout_ms,
        idle_timeout_ms: config.idle_timeout_ms,
        total_timeout_ms: config.total_timeout_ms,
        ..RelayConfig::default()
    }
}
