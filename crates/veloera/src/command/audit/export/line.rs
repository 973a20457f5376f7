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

#[cfg(test)]
mod tests {
    use domain::{Log, TimeStamp};
    use eventlog::Recorded;
    use uuid::Uuid;

    use super::{Last, Line};

    fn event() -> Recorded {
        Recorded {
            log: Log::Ledger,
            position: 7,
            stream: "account:1".to_owned(),
            version: 2,
            event_id: Uuid::from_u128(3),
            event_type: "account_closed".to_owned(),
            schema_version: 1,
            payload: r#"{ "type":"account_closed", "é": "\u00e9" }"#.to_owned(),
            metadata: "{}".to_owned(),
            recorded_at: TimeStamp::from_micros(1_796_000_000_123_456),
            leaf_hash: [0xab; 32],
        }
    }

    #[test]
    fn a_line_holds_the_stored_bytes_and_the_hash() {
        let event = event();
        let line = serde_json::to_string(&Line::of(&event).unwrap()).unwrap();
        let expected = format!(
            "{{\"log\":\"ledger\",\"position\":7,\"stream\":\"account:1\",\"version\":2,\"event_id\":\"{}\",\
             \"event_type\":\"account_closed\",\"schema_version\":1,\"payload\":{},\"metadata\":{{}},\
             \"recorded_at\":\"{}\",\"leaf_hash\":\"{}\"}}",
            event.event_id,
            event.payload,
            event.recorded_at,
            "ab".repeat(32)
        );
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_names_its_event_and_no_other() {
        let event = event();
        let line = serde_json::to_string(&Line::of(&event).unwrap()).unwrap();
        let last: Last = serde_json::from_str(&line).unwrap();
        assert!(last.names(&event));
        for other in [
            Recorded { log: Log::Control, ..event.clone() },
            Recorded { position: 8, ..event.clone() },
            Recorded { event_id: Uuid::from_u128(4), ..event.clone() },
            Recorded { leaf_hash: [0xac; 32], ..event },
        ] {
            assert!(!last.names(&other), "{other:?}");
        }
    }

    #[test]
    fn what_would_make_two_lines_of_one_event_or_none_is_refused() {
        for payload in ["{\n}", "{"] {
            let event = Recorded { payload: payload.to_owned(), ..event() };
            let refused = Line::of(&event).unwrap_err();
            assert!(refused.to_string().starts_with("event 7 of the ledger log was changed"), "{refused:#}");
        }
    }
}
