//! `veloera serve`: everything is built once, in order, and ended in order.

mod build;
mod stop;

use std::sync::Arc;

use anyhow::Context;
use axum::serve::ListenerExt as _;
use eventlog::{Component, Inline, LogOptions, Sealer};
use projections::{Calls, ControlModels};
use tokio::net::TcpListener;

use self::build::Parts;
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
    let (relay, ledger, control) = (pools::relay()?, pools::single("ledger")?, pools::single("control")?);
    let served = relay.block_on(async {
        let parts = Parts::build(config, &data_dir, sealer, ledger.handle(), control.handle()).await?;
        serve(config, &data_dir, parts, with_demo).await
    });
    // Calls first, for they still write; then what brings them home.
    for pool in [relay, control, ledger] {
        pool.shutdown_timeout(stop::POOL_MAX);
    }
    served
}

async fn serve(config: &Config, data_dir: &DataDir, parts: Parts, with_demo: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on; choose another with --listen", config.listen))?;
    let address = listener.local_addr()?;
    data_dir.write_private("listen", &format!("{address}\n"))?;
    if with_demo {
        demo::ensure(data_dir, &parts.log, &parts.directory, address).await?;
    }
    let router = api::router(parts.edge());
    // Small frames go out at once: without this streams stall 40 ms.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    tracing::info!(%address, data_dir = %config.data_dir.display(), "serving");
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let stop = stop::requested()?;
    let server = axum::serve(listener, service).with_graceful_shutdown(parts.stop_after(stop));
    stop::in_order(config, server, parts).await
}
