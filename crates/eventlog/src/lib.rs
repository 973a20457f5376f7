//! Append-only logs: the command bus, reading in order, subscribing, proofs.
//!
//! Two logs, each with its own gapless position. One task appends: it gathers what waits into one transaction,
//! in which decisions are made, events are written and the inline read models follow. Nothing else writes.

mod appender;
pub mod bus;
mod command;
mod cqrs;
mod decision;
mod envelope;
mod event;
pub mod fault;
mod leaf;
pub mod passage;
mod persons;
mod progress;
mod reader;
mod recent;
mod repeats;
mod schema;
mod seal;
mod snapshot;
mod snapshots;
#[macro_use]
mod store;
mod tx;
mod upcast;
mod verify;

#[cfg(test)]
mod tests;

pub use appender::{Appender, BATCH_MAX, QUEUE_MAX};
pub use command::{Command, ExecuteError, Executed, Fault};
pub use cqrs::{Cqrs, CqrsError, CqrsEvent, CqrsStore};
pub use envelope::{Envelope, EnvelopeError};
pub use event::{Heads, Metadata, NewEvent, Place, Recorded, StreamAppend, stream_name};
pub use persons::SubjectKeys;
pub use progress::Progress;
pub use reader::{Filter, Happened, LogReader, PAGE_MAX};
pub use schema::{EventSchema, reachable, schemas_of};
pub use seal::{MASTER_KEY_BYTES, MasterKey, SealError, Sealer};
pub use snapshot::LogSnapshot;
pub use snapshots::verify_snapshots;
pub use store::{
    Cell, Clock, Component, Connection, Database, DatabaseUrlError, Dialect, EventLog, LogOptions, Migration,
    Pool, Rows, StoreError, connect_beside, connect_read_only,
};
pub use tx::{Inline, Tx};
pub use upcast::{UpcastFault, decode, upcast, upcast_faults};
pub use verify::{Compare, LogFault, ModelFault, verify};
