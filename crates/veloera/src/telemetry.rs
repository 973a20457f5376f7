//! Log lines, for people or for machines.

use std::io::Write;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, ConfigError, LogFormat};

/// Starts logging to stderr.
pub(crate) fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|_| ConfigError::Value {
        key: "log_filter",
        must: "a filter such as info or info,relay=debug",
        value: config.log_filter.clone(),
    })?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first's lines.
    let _ = match config.log_format {
        LogFormat::Human => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Says why the process ends, to whoever started it.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors name their cause already.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Where stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "veloera: {text}");
}
