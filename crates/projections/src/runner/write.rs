//! What the runner writes, each time together with its checkpoint.

use std::convert::Infallible;

use eventlog::{EventLog, ExecuteError, Fault, Heads, Metadata, StoreError};

use super::{Checkpoint, Generation, Projection};

/// Where a page went.
pub(super) enum Written<T> {
    /// Into the tables that are in use.
    Here(T),
    /// Nowhere: others have taken their place.
    Replaced,
}

/// A page, and where the checkpoint was before and is after it.
pub(super) async fn write<P: Projection>(
    log: &EventLog,
    mut page: P::Page,
    generation: Generation,
    (from, to): (Checkpoint, Checkpoint),
) -> Result<Written<P::Page>, StoreError> {
    let written = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            let connection = tx.connection();
            if Generation::held::<P>(connection).await? != generation {
                return Ok(Written::Replaced);
            }
            from.advance::<P>(to, connection, generation).await?;
            P::write(&mut page, connection, generation).await.map_err(Fault::<Infallible>::Store)?;
            Ok(Written::Here(page))
        })
    });
    stored(written.await)
}

/// Nothing is in the tables, as at the beginning.
pub(super) async fn begin_anew<P: Projection>(
    log: &EventLog,
    generation: Generation,
    start: Checkpoint,
) -> Result<(), StoreError> {
    let emptied = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            tx.connection().execute(&P::empty(generation)).await?;
            start.set::<P>(tx.connection(), generation).await.map_err(Fault::<Infallible>::Store)
        })
    });
    stored(emptied.await)
}

fn stored<T>(outcome: Result<(T, Heads), ExecuteError<Infallible>>) -> Result<T, StoreError> {
    match outcome {
        Ok((done, _)) => Ok(done),
        Err(ExecuteError::Store(error)) => Err(error),
        Err(ExecuteError::Refused(never)) => match never {},
        // What has no key reuses none.
        Err(ExecuteError::KeyReused) => Err(StoreError::Malformed("decision")),
    }
}
