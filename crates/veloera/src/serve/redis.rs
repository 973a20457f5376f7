//! The read models at a Redis server, where there is one: kept up by whoever has the database, read by whoever has not.

use std::sync::Arc;

use anyhow::Context;
use cluster::redis;
use eventlog::{EventLog, Sealer, passage::PassageObserver};
use projections::redis::{AccountProjector, RedisProjector, RedisReader};
use tokio::runtime::Handle;

use super::work::Work;
use crate::{
    config::{Config, RedisUrl},
    environment::Machine,
    ports::LedgerAccounts,
};

/// What keeps a Redis server up with both logs.
#[derive(Clone)]
pub(crate) struct RedisModels {
    pub(crate) control: Arc<RedisProjector>,
    pub(crate) accounts: Arc<AccountProjector>,
}

/// Each over a connection of its own: what is made anew is much, and nothing else waits behind it.
pub(super) fn project(
    config: &Config,
    log: &EventLog,
    observer: Arc<dyn PassageObserver>,
    work: &Work,
    on: &Handle,
) -> anyhow::Result<Option<RedisModels>> {
    let Some(RedisUrl(url)) = &config.redis_url else { return Ok(None) };
    let node = || Machine::uuid().to_string();
    let client = redis::connect(url).context("redis_url")?;
    let control = RedisProjector::new(client, log.sealer().clone(), node());
    let control = Arc::new(control.observed_by(observer));
    let client = redis::connect(url).context("redis_url")?;
    let source = Box::new(LedgerAccounts);
    let accounts = Arc::new(AccountProjector::new(client, log.sealer().clone(), source, node()));
    work.follow(on, Arc::clone(&control).follow(log.clone()));
    work.follow(on, Arc::clone(&accounts).follow(log.clone()));
    Ok(Some(RedisModels { control, accounts }))
}

/// Over a connection of its own as well: whoever looks a token up waits for it.
pub(super) fn reader(config: &Config, sealer: Sealer) -> anyhow::Result<Option<RedisReader>> {
    let Some(RedisUrl(url)) = &config.redis_url else { return Ok(None) };
    let client = redis::connect(url).context("redis_url")?;
    Ok(Some(RedisReader::new(client, sealer)))
}
