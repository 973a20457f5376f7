//! Keeping up with the `control` log.

use std::{sync::Arc, time::Duration};

use domain::Log;
use eventlog::{EventLog, LogReader, PAGE_MAX, StoreError};

use super::Directory;

/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_millis(500);

impl Directory {
    /// Takes in what is appended, until the log's appender has ended. Where the store fails it says so and tries
    /// again: what is known goes on being told, as of [`Directory::position`].
    pub async fn follow(self: Arc<Self>, log: EventLog) {
        let reader = log.reader().clone();
        let mut heads = log.subscribe();
        // The appender works until every handle is gone, and this reads only.
        drop(log);
        loop {
            if let Err(error) = self.catch_up(&reader).await {
                tracing::error!(%error, position = self.position(), "the directory cannot follow the control log");
                if heads.has_changed().is_err() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            } else if heads.wait_for(|heads| heads.control > self.position()).await.is_err() {
                return;
            }
        }
    }

    async fn catch_up(&self, reader: &LogReader) -> Result<(), StoreError> {
        loop {
            let events = reader.read(Log::Control, self.position(), PAGE_MAX).await?;
            if events.is_empty() {
                return Ok(());
            }
            self.take(&events)?;
        }
    }
}
