//! One event, as a line of JSON.

use anyhow::{Context, bail};
use domain::{Log, TimeStamp};
use eventlog::Recorded;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event with all that its hash is over; what is sealed in it stays sealed.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    log: Log,
    position: u64,
    stream: &'a str,
    version: u64,
    event_id: Uuid,
    event_type: &'a str,
    schema_version: u32,
    /// The stored bytes.
    payload: &'a RawValue,
    /// The stored bytes.
    metadata: &'a RawValue,
    recorded_at: TimeStamp,
    /// In hexadecimal.
    leaf_hash: String,
}

impl<'a> Line<'a> {
    pub(super) fn of(event: &'a Recorded) -> anyhow::Result<Self> {
        let place = || format!("event {} of the {} log was changed", event.position, event.log);
        // What we store is one line; a line break would make two events of one.
        if event.payload.contains('\n') || event.metadata.contains('\n') {
            bail!("{}: it has a line break", place());
        }
        Ok(Self {
            log: event.log,
            position: event.position,
            stream: &event.stream,
            version: event.version,
            event_id: event.event_id,
            event_type: &event.event_type,
            schema_version: event.schema_version,
            payload: serde_json::from_str(&event.payload).with_context(place)?,
            metadata: serde_json::from_str(&event.metadata).with_context(place)?,
            recorded_at: event.recorded_at,
            leaf_hash: hex::encode(event.leaf_hash),
        })
    }
}

/// What of a line says which event it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Last {
    pub(super) log: Log,
    pub(super) position: u64,
    event_id: Uuid,
    leaf_hash: String,
}

impl Last {
    /// Whether it is this event, and of the same log: the hash is also over the log's id.
    pub(super) fn names(&self, event: &Recorded) -> bool {
        self.log == event.log
            && self.position == event.position
            && self.event_id == event.event_id
            && self.leaf_hash == hex::encode(event.leaf_hash)
    }
}
