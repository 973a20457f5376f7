//! The directory, as what is made of another node's log.

use std::{error::Error, fs::File, io::Write, sync::Arc};

use cluster::{Replica, ReplicaError, Written};
use eventlog::{
    Place, Recorded, StoreError,
    passage::{Passage, PassageObserver, Step},
};
use projections::Directory;
use tokio::time::Instant;

/// What follows the control nodes.
pub(crate) struct DirectoryReplica {
    pub(crate) directory: Arc<Directory>,
    /// Is told of traced events that were taken in.
    pub(crate) observer: Arc<dyn PassageObserver>,
}

fn failed(error: impl Error + Send + Sync + 'static) -> ReplicaError {
    ReplicaError(Box::new(error))
}

impl Replica for DirectoryReplica {
    fn place(&self) -> Place {
        self.directory.place()
    }

    fn take(&self, events: &[Recorded]) -> Result<(), StoreError> {
        let begun = Instant::now();
        self.directory.take(events)?;
        if let Some(passage) = Passage::of(Step::Applied("directory"), events, begun.elapsed()) {
            self.observer.passed(passage);
        }
        Ok(())
    }

    fn rebuild(&self, snapshot: File) -> Result<(), ReplicaError> {
        self.directory.rebuild(snapshot).map_err(failed)
    }

    fn write<'r>(&'r self, out: &mut dyn Write) -> Result<Written<'r>, ReplicaError> {
        let written = self.directory.write(out).map_err(failed)?;
        let place = written.place;
        let read_from = Box::new(move |file| self.directory.read_from(written, file).map_err(failed));
        Ok(Written { place, read_from })
    }

    fn is_crowded(&self) -> bool {
        self.directory.is_crowded()
    }

    fn has_unwritten(&self) -> bool {
        self.directory.has_learned()
    }
}
