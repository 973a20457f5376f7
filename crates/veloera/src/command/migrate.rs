//! `veloera migrate`.

use crate::{config::Config, offline};

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    // Opening is migrating.
    offline::with_log(config, async |_| Ok(()))
}
