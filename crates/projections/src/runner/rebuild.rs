//! A read model made anew from events, beside the one that is in use.

use std::marker::PhantomData;

use eventlog::{Connection, LogReader, PAGE_MAX, Pool, Progress, StoreError};
use thiserror::Error;

use super::{Checkpoint, Generation, Projection};

/// Why a read model was not rebuilt. The one in use stays in use.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// The database failed, or somebody else rebuilds the same one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else has rebuilt it meanwhile.
    #[error("it was rebuilt by somebody else meanwhile")]
    Overtaken,
}

/// Builds the next generation and puts it in the place of the one in use, whose tables it leaves to [`Replaced::retire`].
/// Where an earlier rebuild broke off, what it left is dropped.
pub(crate) async fn rebuild<P: Projection>(
    reader: &LogReader,
    writer: &Pool,
    mut seen: impl FnMut(Progress),
) -> Result<Replaced<P>, RebuildError> {
    let mut connection = writer.acquire().await?;
    let before = Generation::active::<P>(&mut connection).await?;
    let mut build = Build { before, generation: before.next(), at: Checkpoint::start(reader.log_id(P::LOG)) };
    build.begin::<P>(&mut connection).await?;
    loop {
        let events = reader.read(P::LOG, build.at.position, PAGE_MAX).await?;
        if let Some(last) = events.last() {
            let next = build.at.at(last);
            build.take::<P>(&mut connection, P::page(&events)?, next).await?;
            seen(Progress { log: P::LOG, position: next.position, end: reader.heads().await?.of(P::LOG) });
        } else if build.takes_over::<P>(reader, &mut connection).await? {
            return Ok(Replaced {
                before,
                generation: build.generation,
                position: build.at.position,
                of: PhantomData,
            });
        }
    }
}

/// Tables that took the place of others.
pub struct Replaced<P> {
    before: Generation,
    /// Which ones are in use now.
    pub generation: Generation,
    /// How far they have come.
    pub position: u64,
    of: PhantomData<fn() -> P>,
}

impl<P: Projection> Replaced<P> {
    /// Drops the tables that were replaced: for when nobody reads them any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retire(self, writer: &Pool) -> Result<(), StoreError> {
        let mut connection = writer.acquire().await?;
        connection.transaction(async |connection| forget::<P>(connection, self.before).await).await
    }
}

/// The tables that are being built, and how far they have come.
struct Build {
    before: Generation,
    generation: Generation,
    at: Checkpoint,
}

impl Build {
    async fn begin<P: Projection>(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let make = P::make(connection.dialect(), self.generation);
        let begun = connection.transaction(async |connection| {
            for left in self.before.previous().into_iter().chain([self.generation]) {
                forget::<P>(connection, left).await?;
            }
            connection.script(&make).await?;
            self.at.set::<P>(connection, self.generation).await
        });
        begun.await
    }

    async fn take<P: Projection>(
        &mut self,
        connection: &mut Connection,
        mut page: P::Page,
        next: Checkpoint,
    ) -> Result<(), StoreError> {
        let (at, generation) = (self.at, self.generation);
        let taken = connection.transaction(async |connection| {
            at.advance::<P>(next, connection, generation).await?;
            P::write(&mut page, connection, generation).await
        });
        taken.await?;
        self.at = next;
        Ok(())
    }

    /// Whether it is in use now. It is not where the other one has come further meanwhile: answers would go back.
    async fn takes_over<P: Projection>(
        &self,
        reader: &LogReader,
        connection: &mut Connection,
    ) -> Result<bool, RebuildError> {
        let replaced = connection.transaction(async |connection| {
            if Generation::held::<P>(connection).await? != self.before {
                return Ok(Err(RebuildError::Overtaken));
            }
            let other = Checkpoint::find::<P>(connection, self.before).await?;
            let is_level = match other {
                // One that was made from another log is nowhere.
                Some(other) if other.position > self.at.position => !other.stands(reader, P::LOG).await?,
                _ => true,
            };
            if is_level {
                self.generation.activate::<P>(connection).await?;
            }
            Ok(Ok(is_level))
        });
        replaced.await?
    }
}

async fn forget<P: Projection>(
    connection: &mut Connection,
    generation: Generation,
) -> Result<(), StoreError> {
    connection.script(&P::drop(generation)).await?;
    Checkpoint::remove::<P>(connection, generation).await
}
