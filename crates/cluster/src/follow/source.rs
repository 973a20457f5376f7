//! The control nodes, as the source of their log.

use std::{fs::File, sync::Arc};

use domain::Log;
use futures_util::future::BoxFuture;

use super::{Source, SourceError};
use crate::{Control, ControlError, EventPage, Shelf, ShelfError};

/// The control nodes; what they send whole is written down before anybody reads it.
pub struct ControlSource {
    control: Control,
    shelf: Arc<Shelf>,
}

fn failed(error: ControlError) -> SourceError {
    SourceError(Box::new(error))
}

impl ControlSource {
    /// What these control nodes send is kept on that shelf.
    pub const fn new(control: Control, shelf: Arc<Shelf>) -> Self {
        Self { control, shelf }
    }

    /// The rows of the `control` log at one position: a file whose mark was checked, in the place of the one before, and
    /// standing where they begin.
    ///
    /// # Errors
    /// When no control node is of help, or the disk is not.
    pub async fn fetch(&self) -> Result<File, ControlError> {
        let draft = self.control.snapshot(|| self.shelf.draft()).await?;
        let kept = draft.keep().map_err(|error| match error {
            ShelfError::Io { source, .. } => source,
            error => std::io::Error::other(error),
        });
        kept.map_err(ControlError::Disk)
    }
}

impl Source for ControlSource {
    fn snapshot(&self) -> BoxFuture<'_, Result<File, SourceError>> {
        Box::pin(async move { self.fetch().await.map_err(failed) })
    }

    fn events(
        &self,
        after: u64,
        limit: usize,
        wait_ms: u64,
    ) -> BoxFuture<'_, Result<EventPage, SourceError>> {
        Box::pin(
            async move { self.control.events(Log::Control, after, limit, wait_ms).await.map_err(failed) },
        )
    }

    fn applied(&self, position: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(async move { self.control.applied(Log::Control, position).await.map_err(failed) })
    }
}
