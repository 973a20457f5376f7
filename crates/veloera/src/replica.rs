//! The directory, as what is made of another node's log.

use std::sync::Arc;

use bytes::Bytes;
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

    fn snapshot(&self) -> Result<(Place, Bytes), ReplicaError> {
        let (place, snapshot) = self.0.snapshot().map_err(|error| ReplicaError(Box::new(error)))?;
        Ok((place, snapshot.into()))
    }
}
