//! The directory, as what is made of another node's log.

use std::{io::Write, sync::Arc};

use cluster::{Replica, ReplicaError};
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

    fn rebuild(&self, snapshot: &[u8]) -> Result<(), ReplicaError> {
        self.directory.rebuild(snapshot).map_err(|error| ReplicaError(Box::new(error)))
    }

    fn write(&self, out: &mut dyn Write) -> Result<Place, ReplicaError> {
        self.directory.write_snapshot(out).map_err(|error| ReplicaError(Box::new(error)))
    }
}
