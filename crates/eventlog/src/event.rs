//! What is appended and what is read back.

use domain::{CallId, CommandId, Log, Sealed, StoredEvent, TimeStamp, trace::TraceContext};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::StoreError;

/// Who and what an event goes back to. Stored as text beside the payload and part of its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The command that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// Who asked, such as `usr_…`; absent where a node acted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Where it was asked from, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Sealed>,
    /// The call it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// The W3C trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The span of that trace that it is or happened in, where the trace is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
}

impl Metadata {
    /// The same, of what belongs to that trace.
    #[must_use]
    pub fn traced(self, context: TraceContext) -> Self {
        let span_id = context.is_sampled().then(|| context.span_text());
        Self { trace_id: Some(context.trace_text()), span_id, ..self }
    }
}

/// An event on its way into a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its type tag.
    pub event_type: &'static str,
    /// The version of its payload's shape.
    pub schema_version: u32,
    /// Its payload, as the JSON text that is stored and hashed.
    pub payload: String,
}

impl NewEvent {
    /// `event` as text.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of<E: StoredEvent>(event: &E) -> Result<Self, StoreError> {
        Ok(Self {
            event_type: event.tag(),
            schema_version: event.schema_version(),
            payload: serde_json::to_string(event).map_err(StoreError::Encode)?,
        })
    }
}

/// Events for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAppend {
    /// The log that holds the stream.
    pub log: Log,
    /// The stream, `<kind>:<id>`.
    pub stream: String,
    /// The version it must have; `None` appends to whatever there is.
    pub expected: Option<u64>,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
    /// The trace that it belongs to, where that is not the command's.
    pub trace: Option<TraceContext>,
}

/// The stream of one aggregate.
pub fn stream_name(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// The id of the aggregate that a stream is of.
pub(crate) fn stream_id(stream: &str) -> &str {
    stream.split_once(':').map_or("", |(_, id)| id)
}

/// An event as it stands in its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Which log.
    pub log: Log,
    /// Its place there, from 1, without gaps.
    pub position: u64,
    /// Its stream, `<kind>:<id>`.
    pub stream: String,
    /// Its place there, from 1, without gaps.
    pub version: u64,
    /// Names it.
    pub event_id: Uuid,
    /// Its type tag.
    pub event_type: String,
    /// The version of its payload's shape.
    pub schema_version: u32,
    /// The stored text.
    pub payload: String,
    /// The stored text.
    pub metadata: String,
    /// When; rises with the position.
    pub recorded_at: TimeStamp,
    /// The stored hash over all of this.
    #[serde(skip)]
    pub leaf_hash: [u8; 32],
}

impl Recorded {
    /// The kind of its stream.
    pub fn kind(&self) -> &str {
        self.stream.split_once(':').map_or(self.stream.as_str(), |(kind, _)| kind)
    }

    /// The span that it is or happened in, where its trace is recorded.
    pub fn trace(&self) -> Option<TraceContext> {
        // Most events belong to no trace: they are not read for it.
        if !self.metadata.contains("\"span_id\"") {
            return None;
        }
        let metadata: Metadata = serde_json::from_str(&self.metadata).ok()?;
        let text = format!("00-{}-{}-01", metadata.trace_id?, metadata.span_id?);
        TraceContext::read(text.as_bytes())
    }

    /// The id of its stream.
    pub fn id(&self) -> &str {
        stream_id(&self.stream)
    }
}

/// Where somebody who follows a log stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Names the log: a restored or foreign one has another id.
    pub log_id: Uuid,
    /// The last event that was taken in.
    pub position: u64,
}

/// How far each log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heads {
    /// The last position of the control log.
    pub control: u64,
    /// The last position of the ledger log.
    pub ledger: u64,
}

impl Heads {
    /// The last position of `log`.
    pub const fn of(self, log: Log) -> u64 {
        match log {
            Log::Control => self.control,
            Log::Ledger => self.ledger,
        }
    }

    /// Sets the last position of `log`.
    pub const fn set(&mut self, log: Log, position: u64) {
        match log {
            Log::Control => self.control = position,
            Log::Ledger => self.ledger = position,
        }
    }

    /// Whether both logs have come at least as far as `other` says.
    pub const fn reach(self, other: Self) -> bool {
        self.control >= other.control && self.ledger >= other.ledger
    }
}

/// `control:12,ledger:99`; a log that was not touched (0) is left out.
impl std::fmt::Display for Heads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut before = "";
        for log in Log::ALL.into_iter().filter(|log| self.of(*log) > 0) {
            write!(f, "{before}{log}:{}", self.of(log))?;
            before = ",";
        }
        Ok(())
    }
}

/// Text that names no positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("positions look like `control:12,ledger:99`")]
pub struct NoPositions;

impl std::str::FromStr for Heads {
    type Err = NoPositions;
    fn from_str(text: &str) -> Result<Self, NoPositions> {
        let mut heads = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (log, position) = part.split_once(':').ok_or(NoPositions)?;
            let log = Log::from_name(log.trim()).ok_or(NoPositions)?;
            heads.set(log, position.trim().parse().map_err(|_| NoPositions)?);
        }
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use super::Heads;

    #[test]
    fn positions_are_read_as_they_are_written() {
        let heads = Heads { control: 12, ledger: 99 };
        assert_eq!(heads.to_string(), "control:12,ledger:99");
        assert_eq!("ledger:99, control:12".parse(), Ok(heads));
        assert_eq!("ledger:7".parse(), Ok(Heads { control: 0, ledger: 7 }));
        assert!("ledger".parse::<Heads>().is_err());
        assert!("other:1".parse::<Heads>().is_err());
    }
}
