//! The directory, as what is made of another node's log.

use std::{error::Error, fs::File, io::Write, sync::Arc};

use cluster::{Replica, ReplicaError, Written};
use eventlog::{Place, Recorded, StoreError};
use projections::Directory;

/// What follows the control nodes.
pub(crate) struct DirectoryReplica(pub(crate) Arc<Directory>);

fn failed(error: impl Error + Send + Sync + 'static) -> ReplicaError {
    ReplicaError(Box::new(error))
}

impl Replica for DirectoryReplica {
    fn place(&self) -> Place {
        self.0.place()
    }

    fn take(&self, events: &[Recorded]) -> Result<(), StoreError> {
        self.0.take(events)
    }

    fn rebuild(&self, snapshot: File) -> Result<(), ReplicaError> {
        self.0.rebuild(snapshot).map_err(failed)
    }

    fn write<'r>(&'r self, out: &mut dyn Write) -> Result<Written<'r>, ReplicaError> {
        let written = self.0.write(out).map_err(failed)?;
        let place = written.place;
        let read_from = Box::new(move |file| self.0.read_from(written, file).map_err(failed));
        Ok(Written { place, read_from })
    }

    fn is_crowded(&self) -> bool {
        self.0.is_crowded()
    }

    fn has_unwritten(&self) -> bool {
        self.0.has_learned()
    }
}
