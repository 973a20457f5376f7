//! The control nodes, as the source of their log.

use bytes::Bytes;
use domain::Log;
use futures_util::future::BoxFuture;

use super::{Source, SourceError};
use crate::{Control, ControlError, EventPage};

fn failed(error: ControlError) -> SourceError {
    SourceError(Box::new(error))
}

impl Source for Control {
    fn snapshot(&self) -> BoxFuture<'_, Result<Bytes, SourceError>> {
        Box::pin(async move { Self::snapshot(self).await.map_err(failed) })
    }

    fn events(
        &self,
        after: u64,
        limit: usize,
        wait_ms: u64,
    ) -> BoxFuture<'_, Result<EventPage, SourceError>> {
        Box::pin(async move { Self::events(self, Log::Control, after, limit, wait_ms).await.map_err(failed) })
    }

    fn applied(&self, position: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(async move { Self::applied(self, Log::Control, position).await.map_err(failed) })
    }
}
