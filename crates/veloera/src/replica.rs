//! The directory, as what is made of another node's log.

use std::{io::Write, sync::Arc};

use cluster::{Replica, ReplicaError};
use eventlog::{Place, Recorded, StoreError};
use projections::Directory;

/// What follows the control nodes.
pub(crate) struct DirectoryReplica(pub(crate) Arc<Directory>);

impl Replica for DirectoryReplica {
    fn place(&self) -> Place {
        self.0.place()
    }

    fn take(&self, events: &[Recorded]) -> Result<(), StoreError> {
        self.0.take(events)
    }

    fn rebuild(&self, snapshot: &[u8]) -> Result<(), ReplicaError> {
        self.0.rebuild(snapshot).map_err(|error| ReplicaError(Box::new(error)))
    }

    fn write(&self, out: &mut dyn Write) -> Result<Place, ReplicaError> {
        self.0.write_snapshot(out).map_err(|error| ReplicaError(Box::new(error)))
    }
}
