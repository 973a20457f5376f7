//! `veloera serve`: everything is built once, in order, and ended in order.

mod build;
mod lanes;
mod stop;

use std::{io::Write, net::SocketAddr, sync::Arc};

use anyhow::Context;
use api::Setup;
use eventlog::{Component, Inline, LogOptions, Sealer};
use projections::{Calls, ControlModels};
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) use self::build::providers;
use self::{
    build::Parts,
    lanes::{Lane, Slots},
};
use crate::{config::Config, data_dir::DataDir, demo, environment::Machine, pools, telemetry};

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
    telemetry::start(config)?;
    let data_dir = DataDir::open(&config.data_dir)?;
    let _lock = data_dir.lock()?;
    let sealer = data_dir.sealer(config.master_key.as_deref())?;
    let (relays, ledger, control) = (pools::relays()?, pools::single("ledger")?, pools::single("control")?);
    let served = control.block_on(async {
        let parts = Parts::build(config, &data_dir, sealer, ledger.handle(), control.handle()).await?;
        serve(config, &data_dir, parts, &relays, with_demo).await
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
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on; choose another with --listen", config.listen))?;
    let address = listener.local_addr()?;
    data_dir.write_private("listen", &format!("{address}\n"))?;
    if with_demo {
        demo::ensure(data_dir, &parts.log, &parts.directory, address).await?;
    }
    let setup = setup(&parts, address)?;
    tracing::info!(%address, data_dir = %config.data_dir.display(), "serving");
    let (lanes, served): (Vec<_>, Vec<_>) = {
        // It holds the log, which ends when nobody does any more: the lanes alone keep it.
        let router = api::router(parts.edge(config, setup));
        relays.iter().map(|relay| Lane::begin(relay.handle(), router.clone())).unzip()
    };
    let slots = Slots::of_this_process();
    let stop = parts.stop_after(stop::requested()?);
    let server = async {
        lanes::hand_out(listener, lanes, slots, stop).await;
        for lane in served {
            lane.await?;
        }
        Ok(())
    };
    stop::in_order(config, server, parts).await
}
