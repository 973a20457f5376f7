//! An event on its way to another node: with the log that it is of and a mark that only a holder of the master key can
//! make. Whatever carries it, HTTP or a bus, need not be trusted.

use domain::Log;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Recorded, Sealer};

/// Keeps marks of events apart from every other mark under the same key.
const PURPOSE: &[u8] = b"event\0";

/// One event, as nodes and buses carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Names the log: a restored or foreign one has another id.
    pub log_id: Uuid,
    /// The event. Not to be believed before [`Envelope::open`].
    event: Recorded,
    /// Over the event's leaf hash, which covers all the rest.
    #[serde(with = "hex")]
    mark: [u8; 32],
}

/// Why an event that came from elsewhere is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Whoever made it does not hold this master key, or it was changed on its way.
    #[error(
        "event {position} of the {log} log bears no mark of this master key: it is forged or was changed"
    )]
    Forged {
        /// Which log it claims to be of.
        log: Log,
        /// Which place it claims to have.
        position: u64,
    },
}

impl Envelope {
    /// Wraps an event of the log called `log_id`.
    pub fn seal(sealer: &Sealer, log_id: Uuid, event: Recorded) -> Self {
        let mark = sealer.mark(&marked(&event.expected_hash(log_id)));
        Self { log_id, event, mark }
    }

    /// The place that the event claims to have.
    pub const fn position(&self) -> u64 {
        self.event.position
    }

    /// The event, with the leaf hash that it has in the log called [`Envelope::log_id`].
    ///
    /// # Errors
    /// When it was not made by who holds the master key.
    pub fn open(self, sealer: &Sealer) -> Result<Recorded, EnvelopeError> {
        let leaf_hash = self.event.expected_hash(self.log_id);
        if sealer.is_marked(&marked(&leaf_hash), &self.mark) {
            return Ok(Recorded { leaf_hash, ..self.event });
        }
        Err(EnvelopeError::Forged { log: self.event.log, position: self.event.position })
    }
}

fn marked(leaf_hash: &[u8; 32]) -> Vec<u8> {
    [PURPOSE, leaf_hash].concat()
}

#[cfg(test)]
mod tests {
    use domain::{Log, TimeStamp};
    use uuid::Uuid;

    use super::{Envelope, EnvelopeError};
    use crate::{MasterKey, Recorded, Sealer};

    fn event(log_id: Uuid) -> Recorded {
        let mut event = Recorded {
            log: Log::Control,
            position: 7,
            stream: "channel:1".into(),
            version: 2,
            event_id: Uuid::from_u128(3),
            event_type: "channel_changed".into(),
            schema_version: 1,
            payload: r#"{"name":"a"}"#.into(),
            metadata: "{}".into(),
            recorded_at: TimeStamp::from_micros(1_700_000_000_000_000),
            leaf_hash: [0; 32],
        };
        event.leaf_hash = event.expected_hash(log_id);
        event
    }

    #[test]
    fn an_event_comes_out_of_its_envelope_as_it_went_in() {
        let (sealer, log_id) = (Sealer::new(&MasterKey::random().unwrap()), Uuid::from_u128(1));
        let text = serde_json::to_string(&Envelope::seal(&sealer, log_id, event(log_id))).unwrap();
        let envelope: Envelope = serde_json::from_str(&text).unwrap();
        assert_eq!(envelope.open(&sealer), Ok(event(log_id)));
    }

    #[test]
    fn a_change_anywhere_is_noticed_and_so_is_another_master_key() {
        let (sealer, log_id) = (Sealer::new(&MasterKey::random().unwrap()), Uuid::from_u128(1));
        let good = serde_json::to_value(Envelope::seal(&sealer, log_id, event(log_id))).unwrap();
        let forged = Err(EnvelopeError::Forged { log: Log::Control, position: 7 });
        for (pointer, value) in [
            ("/log_id", Uuid::nil().to_string().into()),
            ("/event/stream", "channel:2".into()),
            ("/event/version", 3.into()),
            ("/event/event_type", "channel_deleted".into()),
            ("/event/schema_version", 2.into()),
            ("/event/payload", r#"{"name":"b"}"#.into()),
            ("/event/metadata", r#"{"actor":"root"}"#.into()),
            ("/event/recorded_at", "2026-01-01T00:00:00Z".into()),
            ("/mark", "00".repeat(32).into()),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            let changed: Envelope = serde_json::from_value(changed).unwrap();
            assert_eq!(changed.open(&sealer), forged, "{pointer}");
        }
        let stranger = Sealer::new(&MasterKey::random().unwrap());
        assert_eq!(serde_json::from_value::<Envelope>(good).unwrap().open(&stranger), forged);
    }
}
