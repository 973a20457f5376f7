//! Keeps the read models at a Redis server, where there is one.

use std::sync::Arc;

use anyhow::Context;
use cluster::redis;
use eventlog::{EventLog, passage::PassageObserver};
use projections::redis::RedisProjector;
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
