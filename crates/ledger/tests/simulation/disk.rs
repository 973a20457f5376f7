//! A node's disk. What its process wrote outlives the process; a power loss leaves any prefix that holds what was made
//! durable, and may tear or spoil what follows.

use domain::JournalId;
use ledger::{
    Cursor, Link,
    chain::{self, Place},
    journal::Framed,
    record::{Record, RecordError},
};

use super::dice::Dice;

/// A journal on it, in the frames of the real one.
pub(crate) struct Disk {
    pub(crate) journal_id: JournalId,
    bytes: Vec<u8>,
    /// How many bytes survive a power loss.
    durable: usize,
    frames: Vec<Framed>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

/// What a power loss leaves.
pub(crate) struct Left {
    /// Whether something stands at the end that is no record.
    pub(crate) torn: bool,
    /// How many records are as they were written.
    pub(crate) whole: u64,
}

impl Disk {
    pub(crate) const fn new(journal_id: JournalId) -> Self {
        Self { journal_id, bytes: Vec::new(), durable: 0, frames: Vec::new(), ends: Vec::new() }
    }

    /// Writes one record and says its number.
    pub(crate) fn append(&mut self, record: &Record) -> Result<u64, RecordError> {
        let payload = record.encode()?;
        let link = self.end().link.next(&payload);
        chain::push(&mut self.bytes, &payload, &link);
        self.ends.push(self.bytes.len());
        self.frames.push(Framed { seq: self.seq() + 1, payload, link });
        Ok(self.seq())
    }

    /// The last record's number.
    pub(crate) const fn seq(&self) -> u64 {
        self.frames.len() as u64
    }

    /// The last record.
    pub(crate) fn end(&self) -> Cursor {
        self.at(self.seq()).unwrap_or_default()
    }

    /// A record's place in the chain; `None` where there is no such record.
    pub(crate) fn at(&self, seq: u64) -> Option<Cursor> {
        let Some(before) = seq.checked_sub(1) else { return Some(Cursor::default()) };
        let frame = self.frames.get(usize::try_from(before).ok()?)?;
        Some(Cursor { seq, link: frame.link })
    }

    /// The last record that survives a power loss.
    pub(crate) fn durable_seq(&self) -> u64 {
        self.ends.partition_point(|end| *end <= self.durable) as u64
    }

    pub(crate) const fn sync(&mut self) {
        self.durable = self.bytes.len();
    }

    /// The records of these numbers.
    pub(crate) fn framed(&self, first: u64, last: u64) -> Vec<Framed> {
        self.frames.iter().filter(|frame| (first..=last).contains(&frame.seq)).cloned().collect()
    }

    /// Every record that can be read.
    pub(crate) fn records(&self) -> Result<Vec<Record>, RecordError> {
        self.frames.iter().map(|frame| Record::decode(&frame.payload)).collect()
    }

    /// Takes back what the process did not come to write before it died.
    pub(crate) fn unwrite(&mut self, last: u64) {
        let kept = usize::try_from(last).unwrap_or(usize::MAX);
        self.frames.truncate(kept);
        self.ends.truncate(kept);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The machine loses power.
    pub(crate) fn lose_power(&mut self, dice: &mut Dice) -> Left {
        // Somewhere between two records, or within one.
        let kept = dice.between(self.durable_seq(), self.seq());
        let end = |count: u64| {
            usize::try_from(count).ok()?.checked_sub(1).and_then(|at| self.ends.get(at).copied())
        };
        let whole = end(kept).unwrap_or(0).max(self.durable);
        let next = end(kept + 1).unwrap_or(whole);
        let left = if dice.once_in(2) { whole } else { whole + dice.index(next - whole + 1) };
        self.bytes.truncate(left);
        let mut right = left;
        if left > self.durable && dice.once_in(2) {
            right = self.durable + dice.index(left - self.durable);
            self.bytes[right] ^= 1 << dice.below(8);
        }
        let whole = self.ends.partition_point(|end| *end <= right) as u64;
        self.read();
        let torn = self.ends.last().copied().unwrap_or(0) < self.bytes.len();
        self.durable = self.bytes.len();
        Left { torn, whole }
    }

    /// A process opens the journal: what is no record at its end is cut off.
    pub(crate) fn open(&mut self) -> Result<Vec<Record>, RecordError> {
        self.read();
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        self.durable = self.durable.min(self.bytes.len());
        self.records()
    }

    /// Finds the records anew, from the bytes alone.
    fn read(&mut self) {
        (self.frames, self.ends) = (Vec::new(), Vec::new());
        let (mut at, mut link) = (0, Link::default());
        while let Place::Frame { payload, link: next } = chain::read(&self.bytes[at..], &link) {
            (at, link) = (at + chain::frame_bytes(payload.len()), next);
            self.frames.push(Framed { seq: self.frames.len() as u64 + 1, payload: payload.to_owned(), link });
            self.ends.push(at);
        }
    }
}
