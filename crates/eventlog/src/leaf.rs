//! The hash of one event, which stands beside it and is recomputed by every audit.

use domain::{Log, TimeStamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Recorded;

/// Every stored byte of an event, borrowed.
pub(crate) struct Leaf<'a> {
    pub(crate) position: u64,
    pub(crate) recorded_at: TimeStamp,
    pub(crate) stream: &'a str,
    pub(crate) version: u64,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: &'a str,
    pub(crate) schema_version: u32,
    pub(crate) payload: &'a str,
    pub(crate) metadata: &'a str,
}

impl Leaf<'_> {
    /// SHA-256 over 0x00, the log's id, the position, the time and the length-prefixed rest; numbers big-endian.
    pub(crate) fn hash(&self, log_id: Uuid) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(log_id.as_bytes());
        hash.update(self.position.to_be_bytes());
        hash.update(self.recorded_at.micros().to_be_bytes());
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(self.stream.as_bytes());
        part(&self.version.to_be_bytes());
        part(self.event_id.as_bytes());
        part(self.event_type.as_bytes());
        part(&self.schema_version.to_be_bytes());
        part(self.payload.as_bytes());
        part(self.metadata.as_bytes());
        hash.finalize().into()
    }
}

impl Recorded {
    /// The hash that this event should have in the log called `log_id`.
    pub fn expected_hash(&self, log_id: Uuid) -> [u8; 32] {
        Leaf {
            position: self.position,
            recorded_at: self.recorded_at,
            stream: &self.stream,
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            payload: &self.payload,
            metadata: &self.metadata,
        }
        .hash(log_id)
    }
}

/// The table that holds a log's events.
pub(crate) const fn table(log: Log) -> &'static str {
    match log {
        Log::Control => "control_events",
        Log::Ledger => "ledger_events",
    }
}
