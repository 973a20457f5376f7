//! How far a log has come, told every second.

use domain::{Log, TimeStamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Sealer;

/// Keeps marks of heads apart from every other mark under the same key.
const PURPOSE: &[u8] = b"head\0";

/// The head of a log, as a control node knew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which log.
    pub log: Log,
    /// Names the log: a restored or foreign one has another id.
    pub log_id: Uuid,
    /// Which filling of the bus, from 1; unknown to who tells it while the bus fails.
    pub epoch: Option<u64>,
    /// The last position of the log.
    pub position: u64,
    /// When it was told, by the clock of who told it: an older one that comes after a newer one is a repeat.
    pub told_at: TimeStamp,
}

/// A head on its way: with a mark that only a holder of the master key can make.
#[derive(Serialize, Deserialize)]
struct Marked {
    #[serde(flatten)]
    head: Head,
    #[serde(with = "hex")]
    mark: [u8; 32],
}

impl Head {
    /// As it goes over the bus.
    pub(super) fn seal(self, sealer: &Sealer) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Marked { mark: sealer.mark(&self.marked()), head: self })
    }

    /// What came over the bus, if who told it holds the master key.
    pub(super) fn open(sealer: &Sealer, body: &[u8]) -> Option<Self> {
        let Marked { head, mark } = serde_json::from_slice(body).ok()?;
        sealer.is_marked(&head.marked(), &mark).then_some(head)
    }

    /// The subject on which heads of `log` are told. No stream holds it.
    pub(super) fn subject(log: Log) -> String {
        format!("ctl.head.{log}")
    }

    fn marked(&self) -> Vec<u8> {
        let numbers = [self.epoch.unwrap_or_default(), self.position, self.told_at.micros().cast_unsigned()];
        let numbers = numbers.map(u64::to_be_bytes).concat();
        [PURPOSE, self.log.as_str().as_bytes(), b"\0", self.log_id.as_bytes(), &numbers].concat()
    }
}

#[cfg(test)]
mod tests {
    use domain::{Log, TimeStamp};
    use serde_json::Value;
    use uuid::Uuid;

    use super::Head;
    use crate::{MasterKey, Sealer};

    const HEAD: Head = Head {
        log: Log::Control,
        log_id: Uuid::from_u128(1),
        epoch: Some(2),
        position: 7,
        told_at: TimeStamp::from_micros(1_795_507_200_000_000),
    };

    #[test]
    fn a_head_is_believed_only_with_its_mark() {
        let sealer = Sealer::new(&MasterKey::random().unwrap());
        let body = HEAD.seal(&sealer).unwrap();
        assert_eq!(Head::open(&sealer, &body), Some(HEAD));
        for (key, value) in [
            ("log", Value::from("ledger")),
            ("log_id", Uuid::nil().to_string().into()),
            ("epoch", 3.into()),
            ("position", 8.into()),
            ("told_at", "2026-11-24T08:00:01Z".into()),
            ("mark", "00".repeat(32).into()),
        ] {
            let mut changed: Value = serde_json::from_slice(&body).unwrap();
            changed[key] = value;
            assert_eq!(Head::open(&sealer, changed.to_string().as_bytes()), None, "{key}");
        }
        assert_eq!(Head::open(&Sealer::new(&MasterKey::random().unwrap()), &body), None);
        assert_eq!(Head::open(&sealer, b"{}"), None);
    }
}
