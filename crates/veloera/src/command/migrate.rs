//! `veloera migrate`.

use crate::{config::Config, data_dir::DataDir, pools, serve::log_options};

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let data_dir = DataDir::open(&config.data_dir)?;
    let _lock = data_dir.lock()?;
    let sealer = data_dir.sealer(config.master_key.as_deref())?;
    let runtime = pools::single("control")?;
    let database = data_dir.database(config)?;
    runtime.block_on(async {
        // Opening is migrating; what is opened is closed again at once.
        eventlog::EventLog::open(database, log_options(sealer)).await.map(drop)
    })?;
    Ok(())
}
