//! The log of a data directory that no server uses, for commands that change it.

use eventlog::EventLog;

use crate::{config::Config, data_dir::DataDir, pools, serve::log_options};

/// Opens the log, which brings it up to date, works on it and closes it again.
pub(crate) fn with_log<T>(
    config: &Config,
    work: impl AsyncFnOnce(&EventLog) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let data_dir = DataDir::open(&config.data_dir)?;
    let _lock = data_dir.lock()?;
    let sealer = data_dir.sealer(config.master_key.as_deref())?;
    let database = data_dir.database(config)?;
    pools::single("control")?.block_on(async {
        let (log, appender) = EventLog::open(database, log_options(sealer)).await?;
        let work = async {
            let done = work(&log).await;
            // The appender ends with the last handle.
            drop(log);
            done
        };
        tokio::join!(work, appender.run()).0
    })
}
