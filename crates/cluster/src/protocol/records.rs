//! Records on their way: each as its number (`u64 LE`), its length (`u32 LE`), its bytes, and its link of 32 bytes.

use ledger::{Link, PAYLOAD_BYTES_MAX, RECORDS_MAX, journal::Framed};
use thiserror::Error;

/// How they are said to come.
pub const CONTENT_TYPE: &str = "application/octet-stream";
/// The largest upload, in bytes: what a node brings at once, and the record that it ends with.
pub const UPLOAD_BYTES_MAX: usize =
    8 * 1024 * 1024 + PAYLOAD_BYTES_MAX + RECORDS_MAX * (SEQ_BYTES + LENGTH_BYTES + LINK_BYTES);

const SEQ_BYTES: usize = 8;
const LENGTH_BYTES: usize = 4;
const LINK_BYTES: usize = 32;

/// Bytes that are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordsError {
    /// They end within a record, or a record is longer than any may be.
    #[error("record {0} of the upload is cut off or too long")]
    Torn(usize),
    /// More than may come at once.
    #[error("an upload has at most {RECORDS_MAX} records")]
    TooMany,
}

/// Records as bytes.
pub fn encode(records: &[Framed]) -> Vec<u8> {
    let length = |framed: &Framed| SEQ_BYTES + LENGTH_BYTES + framed.payload.len() + LINK_BYTES;
    let mut bytes = Vec::with_capacity(records.iter().map(length).sum());
    for framed in records {
        bytes.extend_from_slice(&framed.seq.to_le_bytes());
        // No record is longer than [`PAYLOAD_BYTES_MAX`]; one that were would not be read again.
        let length = u32::try_from(framed.payload.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&framed.payload);
        bytes.extend_from_slice(&framed.link.0);
    }
    bytes
}

/// Bytes as records.
///
/// # Errors
/// When they are none.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<Framed>, RecordsError> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        if records.len() == RECORDS_MAX {
            return Err(RecordsError::TooMany);
        }
        let (framed, rest) = one(bytes).ok_or(RecordsError::Torn(records.len() + 1))?;
        records.push(framed);
        bytes = rest;
    }
    Ok(records)
}

fn one(bytes: &[u8]) -> Option<(Framed, &[u8])> {
    let (seq, rest) = bytes.split_first_chunk::<SEQ_BYTES>()?;
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    let (link, rest) = rest.split_first_chunk::<LINK_BYTES>()?;
    let framed = Framed { seq: u64::from_le_bytes(*seq), payload: payload.to_vec(), link: Link(*link) };
    Some((framed, rest))
}

#[cfg(test)]
mod tests {
    use ledger::{Link, RECORDS_MAX, journal::Framed};

    use super::{RecordsError, decode, encode};

    fn records(count: u64) -> Vec<Framed> {
        let record = |seq: u64| Framed {
            seq,
            payload: vec![7; usize::try_from(seq % 5).unwrap()],
            link: Link([u8::try_from(seq % 256).unwrap(); 32]),
        };
        (1..=count).map(record).collect()
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        for count in [0, 1, 9] {
            assert_eq!(decode(&encode(&records(count))), Ok(records(count)));
        }
    }

    #[test]
    fn what_is_cut_anywhere_is_noticed() {
        let (bytes, whole) = (encode(&records(3)), encode(&records(2)).len());
        for end in whole + 1..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(RecordsError::Torn(3)), "{end}");
        }
        assert_eq!(decode(&bytes[..whole]), Ok(records(2)));
    }

    #[test]
    fn no_length_is_believed_that_no_record_has() {
        let mut bytes = encode(&records(1));
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&bytes), Err(RecordsError::Torn(1)));
    }

    #[test]
    fn more_than_may_come_at_once_is_refused() {
        let bytes = encode(&records(RECORDS_MAX as u64 + 1));
        assert_eq!(decode(&bytes), Err(RecordsError::TooMany));
    }
}
