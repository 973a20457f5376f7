//! What the usage log writes, each time together with its checkpoint.

use std::convert::Infallible;

use eventlog::{EventLog, ExecuteError, Fault, Heads, Metadata, StoreError};

use super::{
    checkpoint::{self, Checkpoint},
    page::Page,
};

/// A page, and where the checkpoint is after it.
pub(super) async fn write(
    log: &EventLog,
    page: Page,
    from: Checkpoint,
    to: Checkpoint,
) -> Result<(), StoreError> {
    let written = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            checkpoint::advance(tx.connection(), from, to).await?;
            page.write(tx.connection()).await.map_err(Fault::<Infallible>::Store)
        })
    });
    stored(written.await)
}

/// Nothing is listed, as at the beginning.
pub(super) async fn rebuild(log: &EventLog, start: Checkpoint) -> Result<(), StoreError> {
    let emptied = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            tx.connection().execute("DELETE FROM calls").await?;
            checkpoint::set(tx.connection(), start).await.map_err(Fault::<Infallible>::Store)
        })
    });
    stored(emptied.await)
}

fn stored(outcome: Result<((), Heads), ExecuteError<Infallible>>) -> Result<(), StoreError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(ExecuteError::Store(error)) => Err(error),
        Err(ExecuteError::Refused(never)) => match never {},
        // What has no key reuses none.
        Err(ExecuteError::KeyReused) => Err(StoreError::Malformed("decision")),
    }
}
