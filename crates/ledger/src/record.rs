//! What a node's journal says.

pub use domain::account::CallPart;
use domain::{
    AccountId, LeaseId, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, Extension, Settlement},
};
use serde::{Deserialize, Serialize};

/// One record. A call's records are `Reserve`, then per attempt `Sent` and `AttemptEnded`, then `Progress` and
/// `Extend` while it streams, and exactly one of `Settle` and `Void`.
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
        Ok(rmp_serde::to_vec_named(self)?)
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
    fn other_bytes_are_no_record() {
        assert!(Record::decode(b"").is_err());
        assert!(Record::decode(&[0x81, 0xa4, b'N', b'o', b'n', b'e', 0xc0]).is_err());
    }
}
