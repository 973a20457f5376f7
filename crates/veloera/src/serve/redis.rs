//! The read models at a Redis server, where there is one: kept up by whoever has the database, read by whoever has not.

use std::sync::Arc;

use anyhow::Context;
use cluster::redis;
use eventlog::{EventLog, Sealer, passage::PassageObserver};
use projections::redis::{RedisProjector, RedisReader};
use tokio::runtime::Handle;

use super::work::Work;
use crate::{
    config::{Config, RedisUrl},
    environment::Machine,
};

/// Over a connection of its own: what is made anew is much, and nothing else waits behind it.
pub(super) fn project(
    config: &Config,
    log: &EventLog,
    observer: Arc<dyn PassageObserver>,
    work: &Work,
    on: &Handle,
) -> anyhow::Result<Option<Arc<RedisProjector>>> {
    let Some(RedisUrl(url)) = &config.redis_url else { return Ok(None) };
    let client = redis::connect(url).context("redis_url")?;
    let projector = RedisProjector::new(client, log.sealer().clone(), Machine::uuid().to_string());
    let projector = Arc::new(projector.observed_by(observer));
    work.follow(on, Arc::clone(&projector).follow(log.clone()));
    Ok(Some(projector))
}

/// Over a connection of its own as well: whoever looks a token up waits for it.
pub(super) fn reader(config: &Config, sealer: Sealer) -> anyhow::Result<Option<RedisReader>> {
    let Some(RedisUrl(url)) = &config.redis_url else { return Ok(None) };
    let client = redis::connect(url).context("redis_url")?;
    Ok(Some(RedisReader::new(client, sealer)))
}
