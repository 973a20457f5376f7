//! The parts of a process that has no database: what it knows it has from control nodes, and keeps on its own disk.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use api::{Balances, ClientEdge, EdgeLimits, Metrics, Onlooker};
use cluster::{
    Control, ControlError, ControlOptions, ControlSource, ControlUrls, Follower, Freshness, Identity,
    RemoteLedger, Replica, Shelf, StalenessBounds,
};
use domain::Log;
use eventlog::{Sealer, bus::Bus, passage::PassageObserver};
use ledger::Unheard;
use projections::{
    Directory,
    lookup::{TokenLookup, TokenTier},
    redis::RedisReader,
};
use relay::Relay;
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use super::{
    build::{count_together, nats, ports, providers, relay_config},
    redis,
    work::Work,
};
use crate::{
    config::Config,
    data_dir::DataDir,
    environment::{Machine, boot_id, host_name},
    health::RemoteHealth,
    keeper::Keeper,
    metrics::NodeMetrics,
    ports::{ControlTokens, Heard, ReadModels, ToldBalances},
    replica::DirectoryReplica,
    telemetry::Telemetry,
};

/// How long to wait for a control node that does not answer, at a start that needs one.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a start waits for what it has missed.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// Everything that runs.
pub(super) struct RemoteParts {
    pub(super) work: Work,
    pub(super) edge: Arc<ClientEdge>,
    shelf: Arc<Shelf>,
    replica: Arc<dyn Replica>,
    freshness: Arc<Freshness>,
}

impl RemoteParts {
    pub(super) async fn build(
        config: &Config,
        urls: &ControlUrls,
        data_dir: &DataDir,
        sealer: Sealer,
        telemetry: &Telemetry,
        [ledger, control]: [&Handle; 2],
    ) -> anyhow::Result<Self> {
        let providers = Arc::new(providers(config)?);
        let nodes = control_nodes(urls, data_dir, sealer.clone())?;
        let shelf = Arc::new(Shelf::new(data_dir.path(), &sealer, boot_id(), Arc::new(Machine)));
        let source = ControlSource::new(nodes.clone(), Arc::clone(&shelf));
        let directory = known(config, &nodes, &source, &shelf).await?;
        let reached = shelf.reached(directory.place()).unwrap_or_else(|error| {
            tracing::warn!(%error, "how old that is what this node knows cannot be told");
            None
        });
        let freshness = Arc::new(Freshness::new(bounds(config), reached));
        let replica: Arc<dyn Replica> = Arc::new(DirectoryReplica {
            directory: Arc::clone(&directory),
            observer: Arc::clone(&telemetry.meter) as Arc<dyn PassageObserver>,
        });
        let port = Arc::new(RemoteLedger::new(nodes.clone()));
        let work = Work::begin(config, data_dir, port, Unheard::GoesOn, ledger).await?;
        let follower = Follower::new(
            Arc::new(source),
            Arc::clone(&replica),
            Arc::clone(&freshness),
            Arc::new(Machine),
            sealer.clone(),
        );
        // From now on, for a node that was away for long hears more than it keeps in memory.
        work.follow(control, Arc::clone(&shelf).keep(Arc::clone(&replica), Arc::clone(&freshness)));
        match timeout(CATCH_UP_MAX, follower.catch_up()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this node begins with what it knew"),
            Err(_) => tracing::warn!("this node begins with what it knew: no control node answers in time"),
        }
        let hints = nats(config, &sealer).await?;
        let hints = hints.map(|nats| nats.subscribe(Log::Control, directory.position()));
        work.follow(control, follower.run(hints));
        let models = ReadModels::new(Arc::clone(&directory), providers, sealer.clone());
        let (keeper, reports) = Keeper::new();
        let redis = redis::reader(config, sealer.clone())?;
        let balances = Arc::new(ToldBalances(redis.clone()));
        let tokens = tokens(&directory, redis, nodes.clone());
        work.follow(control, reports.tell(nodes));
        let ports = ports(&work, models, Arc::new(keeper), telemetry);
        let relay = Relay::new(ports, relay_config(config), work.tasks.clone())?;
        count_together(config, &relay, sealer, &work, control)?;
        let edge = edge(config, &work, (directory, tokens, balances), relay, &freshness, telemetry);
        Ok(Self { work, edge, shelf, replica, freshness })
    }

    /// Writes down what is known, for the next start.
    pub(super) fn keep(&self) {
        if let Err(error) = self.shelf.put(&*self.replica, &self.freshness) {
            tracing::error!(%error, "what this node knows was not written down");
        }
    }
}

fn edge(
    config: &Config,
    work: &Work,
    (directory, tokens, balances): (Arc<Directory>, Arc<TokenLookup>, Arc<dyn Balances>),
    relay: Arc<Relay>,
    freshness: &Arc<Freshness>,
    telemetry: &Telemetry,
) -> Arc<ClientEdge> {
    let (node, freshness) = (&work.node, Arc::clone(freshness));
    Arc::new(ClientEdge {
        freshness: Arc::new(Heard(Arc::clone(&freshness))),
        health: Arc::new(RemoteHealth {
            node: Arc::clone(node),
            directory: Arc::clone(&directory),
            freshness: Arc::clone(&freshness),
        }),
        onlooker: Arc::clone(&telemetry.meter) as Arc<dyn Onlooker>,
        metrics: Metrics::new(Box::new(NodeMetrics {
            node: Arc::clone(node),
            directory: Arc::clone(&directory),
            tokens: Some(Arc::clone(&tokens)),
            relay: Arc::clone(&relay),
            history: None,
            freshness: Some(freshness),
            meter: Arc::clone(&telemetry.meter),
        })),
        directory,
        tokens,
        balances,
        relay,
        ids: Arc::new(Machine),
        clock: Arc::new(Machine),
        metrics_key: config.metrics_key.clone(),
        cors_origins: config.cors_origins.clone(),
        limits: EdgeLimits::default(),
    })
}

fn control_nodes(urls: &ControlUrls, data_dir: &DataDir, sealer: Sealer) -> anyhow::Result<Control> {
    let identity = Identity::open(&data_dir.file("node.key"))?;
    tracing::info!(node_id = %identity.node_id().prefixed(), "this is a relay node");
    Ok(Control::new(ControlOptions { urls: urls.clone(), identity, sealer, clock: Arc::new(Machine) }))
}

fn bounds(config: &Config) -> StalenessBounds {
    StalenessBounds { callers_ms: config.stale_callers_ms, ..StalenessBounds::default() }
}

/// Finds tokens in memory and on disk, then at the Redis server where there is one, then at the control nodes.
fn tokens(directory: &Arc<Directory>, redis: Option<RedisReader>, nodes: Control) -> Arc<TokenLookup> {
    let redis = redis.map(|reader| Box::new(reader) as Box<dyn TokenTier>);
    let control = Box::new(ControlTokens(nodes)) as Box<dyn TokenTier>;
    TokenLookup::new(Arc::clone(directory), redis.into_iter().chain([control]).collect())
}

/// What the process before this one wrote down; at the first start, what the control nodes say.
async fn known(
    config: &Config,
    nodes: &Control,
    source: &ControlSource,
    shelf: &Shelf,
) -> anyhow::Result<Arc<Directory>> {
    match shelf.snapshot() {
        Ok(Some(snapshot)) => match Directory::restore(snapshot, config.token_cache) {
            Ok(directory) => return Ok(directory),
            Err(error) => tracing::warn!(%error, "what was written down is of no use: it is fetched anew"),
        },
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "what was written down is of no use: it is fetched anew"),
    }
    if let Some(token) = &config.join_token {
        let name = host_name();
        answered(|| nodes.enrol(token, &name)).await.context("this node cannot join")?;
    }
    let snapshot = answered(|| source.fetch()).await;
    let snapshot =
        snapshot.context("a control node does not let this one in; it joins with VELOERA_JOIN_TOKEN")?;
    Ok(Directory::restore(snapshot, config.token_cache)?)
}

/// Asks until somebody answers: there is nothing else to do yet.
async fn answered<T, F>(ask: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, ControlError>>,
{
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "waiting for a control node");
                sleep(PAUSE).await;
            }
            Err(error) => bail!(error),
        }
    }
}
