//! What a node's journal says.

pub use domain::account::CallPart;
use domain::{
    AccountId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Extension, Settlement},
};
use serde::{Deserialize, Serialize};

/// One record. A call's records are `Reserve`, then per attempt `Sent` and, unless it was billed, `AttemptEnded`, then
/// `Progress` and `Extend` while it streams, and exactly one of `Settle` and `Void`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A process opened the journal.
    Started {
        /// The kernel's boot: what was written under another one may have lost its tail.
        boot_id: String,
        /// When.
        at: TimeStamp,
    },
    /// Quota was set aside.
    Reserve(Box<CallFacts>),
    /// An attempt is about to send its first byte. Its outcome is unknown until it has ended.
    Sent {
        /// Whose attempt.
        call: CallPart,
        /// Where it goes.
        attempt: Attempt,
    },
    /// What came of an attempt.
    AttemptEnded {
        /// Whose attempt.
        call: CallPart,
        /// Which one.
        attempt: u32,
        /// What came of it.
        outcome: AttemptOutcome,
    },
    /// How far an answer has come.
    Progress {
        /// Whose answer.
        call: CallPart,
        /// Output tokens as counted here.
        output_tokens: u64,
    },
    /// More quota was set aside for a call that outgrew what had been.
    Extend {
        /// For which call.
        call: CallPart,
        /// How much, and on which leases.
        extension: Extension,
    },
    /// The call ended and costs something, or may have.
    Settle(Box<Settlement>),
    /// The call ended and was provably billed nowhere.
    Void {
        /// Which call.
        call: CallPart,
    },
    /// Quota was granted. A process that starts again under the same boot goes on with it while the ledger is away.
    Granted {
        /// Whose quota.
        account_id: AccountId,
        /// Which lease, and how much; `None` where nothing limits the account.
        lease: Option<(LeaseId, Nanos)>,
        /// Until when it may be spent, by this boot's clock, in milliseconds.
        until_ms: u64,
    },
    /// A part of a lease that no call needs.
    Release {
        /// Whose quota.
        account_id: AccountId,
        /// Which lease.
        lease_id: LeaseId,
        /// How much.
        amount: Nanos,
    },
    /// A lease that no call needs.
    Close {
        /// Whose quota.
        account_id: AccountId,
        /// Which lease.
        lease_id: LeaseId,
    },
}

/// Most records are shorter than this.
const USUAL_BYTES: usize = 1_536;

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be written.
    #[error("a journal record cannot be encoded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// It is not what this version writes.
    #[error("a journal record cannot be decoded: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
}

impl Record {
    /// The bytes that the journal keeps: MessagePack with field names, so that fields can be added.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        rmp_serde::encode::write_named(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Whether these bytes say what matters to the node alone, should it die: the ledger has nothing to do for it.
    pub(crate) fn is_of_the_node(bytes: &[u8]) -> bool {
        // A map of one, named by the variant: `{"Sent": {…}}`.
        let name = match bytes {
            [0x81, head @ 0xa0..=0xbf, rest @ ..] => rest.get(..usize::from(head & 0x1f)),
            _ => None,
        };
        let of_the_node: [&[u8]; 8] =
            [b"Started", b"Granted", b"Reserve", b"Sent", b"AttemptEnded", b"Progress", b"Extend", b"Void"];
        name.is_some_and(|name| of_the_node.contains(&name))
    }

    /// Reads what [`Record::encode`] wrote.
    ///
    /// # Errors
    /// When these bytes are no record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::Record;
    use domain::TimeStamp;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record =
            Record::Started { boot_id: "b".into(), at: TimeStamp::from_micros(1_795_000_000_000_001) };
        assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
        let record = Record::Settle(Box::new(crate::fixtures::settlement(25)));
        assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
    }

    #[test]
    fn a_trace_is_kept_and_a_record_without_one_is_what_it_was_before_there_were_any() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut facts = crate::fixtures::settlement(25).facts;
        let bytes = Record::Reserve(Box::new(facts.clone())).encode().unwrap();
        assert!(!bytes.windows(5).any(|name| name == b"trace"));
        facts.trace = domain::trace::TraceContext::read(text.as_bytes());
        let record = Record::Reserve(Box::new(facts));
        let bytes = record.encode().unwrap();
        assert!(bytes.windows(text.len()).any(|said| said == text.as_bytes()));
        assert_eq!(Record::decode(&bytes).unwrap(), record);
    }

    #[test]
    fn what_the_ledger_acts_upon_is_told_without_reading_the_rest() {
        let settle = Record::Settle(Box::new(crate::fixtures::settlement(25)));
        let (account_id, lease_id) = (crate::fixtures::PAYER, crate::fixtures::lease(1));
        let call = crate::fixtures::whole(1);
        for (record, is_of_the_node) in [
            (settle, false),
            (Record::Release { account_id, lease_id, amount: domain::Nanos::ZERO }, false),
            (Record::Close { account_id, lease_id }, false),
            (Record::Reserve(Box::new(crate::fixtures::settlement(25).facts)), true),
            (Record::Progress { call, output_tokens: 1 }, true),
            (Record::Void { call }, true),
            (Record::Granted { account_id, lease: Some((lease_id, domain::Nanos::ZERO)), until_ms: 1 }, true),
        ] {
            assert_eq!(Record::is_of_the_node(&record.encode().unwrap()), is_of_the_node, "{record:?}");
        }
        assert!(!Record::is_of_the_node(&[0x81, 0xa4, b'N', b'o', b'n', b'e', 0xc0]), "is to be refused");
        assert!(!Record::is_of_the_node(&[0x81, 0xa7, b'V', b'o']));
    }

    #[test]
    fn other_bytes_are_no_record() {
        assert!(Record::decode(b"").is_err());
        assert!(Record::decode(&[0x81, 0xa4, b'N', b'o', b'n', b'e', 0xc0]).is_err());
    }
}
