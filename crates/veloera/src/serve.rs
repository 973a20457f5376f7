//! `veloera serve`: everything is built once, in order, and ended in order.

mod build;
mod lanes;
mod redis;
mod remote;
mod stop;
mod work;

use std::{io::Write, net::SocketAddr, sync::Arc};

use anyhow::{Context, bail};
use api::{Front, Setup};
use eventlog::{Component, Inline, LogOptions, Sealer};
use projections::{Calls, ControlModels};
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
};

use self::{
    build::Parts,
    lanes::{Lane, Slots},
    remote::RemoteParts,
    work::Sending,
};
pub(crate) use self::{build::providers, redis::RedisModels};
use crate::{
    config::{Config, Role},
    data_dir::DataDir,
    demo,
    environment::Machine,
    pools,
    telemetry::{self, Telemetry},
};

/// The read models that follow in the append transaction.
fn inline() -> Vec<Arc<dyn Inline>> {
    vec![Arc::new(ControlModels), Arc::new(ledger::accounts::Accounts)]
}

/// All tables beside the logs' own.
pub(crate) fn components() -> Vec<Component> {
    inline().iter().map(|model| model.component()).chain([Calls::COMPONENT]).collect()
}

/// The read models, and the tables of those that do not follow in the append transaction.
pub(crate) fn log_options(sealer: Sealer) -> LogOptions {
    LogOptions { clock: Arc::new(Machine), inline: inline(), components: vec![Calls::COMPONENT], sealer }
}

pub(crate) fn run(config: &Config, with_demo: bool) -> anyhow::Result<()> {
    let control_nodes = config.control_nodes()?;
    if with_demo && control_nodes.is_some() {
        bail!("a relay node has nothing to demonstrate: start its control node with --demo");
    }
    let telemetry = telemetry::start(config)?;
    let data_dir = DataDir::open(&config.data_dir)?;
    let _lock = data_dir.lock()?;
    let (relays, ledger, control) =
        (pools::relays(config.relay_threads)?, pools::single("ledger")?, pools::single("control")?);
    let served = control.block_on(async {
        let master_key = config.master_key.as_deref();
        let (ledger, control) = (ledger.handle(), control.handle());
        if let Some(urls) = control_nodes {
            let sealer = data_dir.given_sealer(master_key)?;
            let parts =
                RemoteParts::build(config, urls, &data_dir, sealer, &telemetry, [ledger, control]).await?;
            let sending = parts.work.export(&telemetry, config, &parts.edge, control);
            serve_remote(config, &data_dir, parts, &relays, sending).await
        } else {
            let sealer = data_dir.sealer(master_key)?;
            let parts = Parts::build(config, &data_dir, sealer, &telemetry, [ledger, control]).await?;
            serve(config, &data_dir, parts, &relays, with_demo, &telemetry).await
        }
    });
    // Calls first, for they still write; then what brings them home.
    for pool in relays.into_iter().chain([control, ledger]) {
        pool.shutdown_timeout(stop::POOL_MAX);
    }
    served
}

/// Where there is nobody yet who may do everything, a link is printed with which whoever runs this becomes that.
fn setup(parts: &Parts, address: SocketAddr) -> anyhow::Result<Setup> {
    if parts.directory.has_root() {
        return Ok(Setup::done());
    }
    let (setup, path) = Setup::open(&Machine::chance()?);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\nNobody may administer this node yet. Open this link to become its root; it works once:\n\n  \
         http://{address}{path}\n\nor stop it and run `veloera user create --login NAME`.\n"
    )?;
    out.flush()?;
    Ok(setup)
}

async fn serve(
    config: &Config,
    data_dir: &DataDir,
    parts: Parts,
    relays: &[Runtime],
    with_demo: bool,
    telemetry: &Telemetry,
) -> anyhow::Result<()> {
    let (listener, address) = listen(config, data_dir).await?;
    if with_demo {
        demo::ensure(data_dir, &parts.log, &parts.directory, address).await?;
    }
    let setup = setup(&parts, address)?;
    // It holds the log, which ends when nobody does any more: the lanes alone keep it.
    let edge = parts.edge(config, setup);
    let sending = parts.work.export(telemetry, config, &edge.client, &Handle::current());
    let front = if config.role == Role::Control { Front::of_control(&edge) } else { Front::of_all(&edge) };
    drop(edge);
    let stop = parts.work.stop_after(stop::requested()?);
    let server = answer(listener, front, relays, stop);
    let (work, ends) = parts.into_work();
    stop::in_order(config, server, &work).await?;
    let told = stop::telling(sending).await;
    drop(work);
    stop::log(ends).await;
    stop::told(told).await;
    Ok(())
}

async fn serve_remote(
    config: &Config,
    data_dir: &DataDir,
    parts: RemoteParts,
    relays: &[Runtime],
    sending: Option<Sending>,
) -> anyhow::Result<()> {
    let (listener, _) = listen(config, data_dir).await?;
    let stop = parts.work.stop_after(stop::requested()?);
    let server = answer(listener, Front::of_relay(&parts.edge), relays, stop);
    stop::in_order(config, server, &parts.work).await?;
    parts.keep();
    stop::told(stop::telling(sending).await).await;
    Ok(())
}

async fn listen(config: &Config, data_dir: &DataDir) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on; choose another with --listen", config.listen))?;
    let address = listener.local_addr()?;
    data_dir.write_private("listen", &format!("{address}\n"))?;
    tracing::info!(%address, role = ?config.role, data_dir = %config.data_dir.display(), "serving");
    Ok((listener, address))
}

/// Answers on every lane until `stop` resolves and every connection has come to its end. The lanes begin at once.
fn answer(
    listener: TcpListener,
    front: Front,
    relays: &[Runtime],
    stop: impl Future<Output = ()>,
) -> impl Future<Output = anyhow::Result<()>> {
    let lanes = relays.iter().map(|relay| Lane::begin(relay.handle(), front.clone()));
    let (lanes, served): (Vec<_>, Vec<_>) = lanes.unzip();
    drop(front);
    async move {
        lanes::hand_out(listener, lanes, Slots::of_this_process(), stop).await;
        for lane in served {
            lane.await?;
        }
        Ok(())
    }
}
