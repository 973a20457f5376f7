//! Where nodes tell one another what they have counted, as the data plane sees it.

use std::sync::Arc;

use anyhow::Context;
use cluster::{LimitBoard, redis};
use domain::CallCounts;
use eventlog::Sealer;
use futures_util::future::BoxFuture;
use relay::{BoardError, Exchanged, Said};

use crate::{
    config::{Config, RedisUrl},
    environment::Machine,
};

/// A board at a Redis server.
pub(crate) struct Board(LimitBoard);

impl Board {
    /// The board at the server that is named, if any.
    pub(crate) fn of(config: &Config, sealer: Sealer) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(RedisUrl(url)) = &config.redis_url else { return Ok(None) };
        let client = redis::connect(url).context("redis_url")?;
        // A process that begins anew has counted nothing: to the others it is another one.
        let node = Machine::uuid().to_string();
        Ok(Some(Arc::new(Self(LimitBoard::new(client, sealer, node)))))
    }
}

impl relay::Board for Board {
    fn exchange(&self, said: Vec<Said>) -> BoxFuture<'_, Result<Exchanged, BoardError>> {
        Box::pin(async move {
            let said: Vec<(String, CallCounts)> =
                said.into_iter().map(|Said { subject, counts }| (subject, counts)).collect();
            let tally = self.0.exchange(&said).await.map_err(|error| BoardError(error.to_string()))?;
            Ok(Exchanged { nodes: tally.nodes, epoch: tally.epoch, others: tally.others })
        })
    }
}
