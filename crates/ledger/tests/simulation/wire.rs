//! The way from a node's disk to the ledger: slow, lossy, and apt to deliver twice and out of order.

use domain::JournalId;
use ledger::{Cursor, IngestError, LedgerPort, journal::Framed};

use super::{
    rule::{Checked, Rule, Violation, holds},
    slip::Slip,
    world::{Parcel, World},
};

/// The most that is under way; what comes on top is lost.
const WIRE_MAX: usize = 8;
/// The most records in one parcel.
const RECORDS_MAX: u64 = 12;

impl World<'_> {
    /// Puts records on the wire: those that the ledger lacks, some that it has, or some that it cannot take yet.
    pub(crate) async fn upload(&mut self, k: usize) -> Checked {
        let disk = &self.nodes[k].disk;
        let (journal_id, durable, written) = (disk.journal_id, disk.durable_seq(), disk.seq());
        let known = self.books.hears(journal_id).cursor(journal_id).await?.cursor.seq;
        let end = if self.slip == Some(Slip::UploadUnsynced) { written } else { durable };
        let first = match self.dice.below(6) {
            0 => known.saturating_sub(2).max(1),
            1 => known + 2,
            _ => known + 1,
        };
        let last = end.min(first + self.dice.below(RECORDS_MAX));
        if first > last {
            return Ok(());
        }
        self.say(|| format!("node {k}: uploads {first} to {last} of {durable}, {known} known"));
        if self.wire.len() >= WIRE_MAX || self.dice.once_in(12) {
            self.saw("a parcel lost");
            return Ok(());
        }
        let records = self.nodes[k].disk.framed(first, last);
        self.wire.push(Parcel { journal_id, records });
        Ok(())
    }

    /// Some parcel arrives, perhaps not for the last time, and perhaps not as it was sent.
    pub(crate) async fn deliver(&mut self) -> Checked {
        if self.wire.is_empty() {
            return Ok(());
        }
        let index = self.dice.index(self.wire.len());
        let Parcel { journal_id, records } = self.wire.remove(index);
        if self.dice.once_in(3) {
            self.wire.push(Parcel { journal_id, records: records.clone() });
        }
        if self.dice.once_in(12) {
            return self.forge(journal_id, records).await;
        }
        self.ingest(journal_id, records).await
    }

    /// Hands records to the ledger, and its answer to the shadow.
    async fn ingest(&mut self, journal_id: JournalId, records: Vec<Framed>) -> Checked {
        let known = self.shadow.cursor(journal_id).seq;
        let (first, last) = ends(&records);
        let answer = self.books.hears(journal_id).ingest(journal_id, records.clone()).await;
        self.touched = true;
        self.say(|| format!("{first} to {last} of {journal_id} arrive: {}", told(&answer)));
        let expected = self.shadow.ingest(journal_id, &records)?;
        let (same, what) = match (&answer, expected) {
            (Ok(cursor), Some(expected)) if expected.seq == known => (*cursor == expected, "a repeat"),
            (Ok(cursor), Some(expected)) if first <= known => (*cursor == expected, "an overlap"),
            (Ok(cursor), Some(expected)) => (*cursor == expected, "an ingest"),
            (Err(IngestError::Gap { .. }), None) => (true, "a gap"),
            _ => (false, "a surprise"),
        };
        self.saw(what);
        let expected = expected.map(|cursor| cursor.seq);
        holds(Rule::Cursors, same, || {
            format!("the ledger answers: {}; expected: {expected:?}", told(&answer))
        })
    }

    /// The last record arrives changed: the ledger notices, unless it does not look at it, and takes nothing of it.
    async fn forge(&mut self, journal_id: JournalId, mut records: Vec<Framed>) -> Checked {
        let (first, last) = ends(&records);
        if let Some(framed) = records.last_mut() {
            let index = self.dice.index(framed.payload.len());
            framed.payload[index] ^= 1 << self.dice.below(8);
        }
        let known = self.shadow.cursor(journal_id);
        let answer = self.books.hears(journal_id).ingest(journal_id, records).await;
        self.touched = true;
        self.saw("a forgery");
        self.say(|| format!("{first} to {last} of {journal_id} arrive, changed: {}", told(&answer)));
        let right = match answer {
            Ok(cursor) => last <= known.seq && cursor == known,
            Err(IngestError::Gap { .. }) => first > known.seq + 1,
            Err(IngestError::Fork { seq, .. }) => seq == last && last > known.seq,
            Err(_) => false,
        };
        holds(Rule::Cursors, right, || format!("record {last} of {journal_id} was changed on its way"))
    }

    /// Everything that is durable goes home, in order and at once.
    pub(crate) async fn bring_home(&mut self, k: usize) -> Checked {
        loop {
            let disk = &self.nodes[k].disk;
            let (journal_id, durable) = (disk.journal_id, disk.durable_seq());
            let cursor = self.books.hears(journal_id).cursor(journal_id).await?.cursor;
            if self.nodes[k].disk.at(cursor.seq) != Some(cursor) {
                let what = format!("node {k} does not have record {} that the ledger knows", cursor.seq);
                return Err(Violation::new(Rule::Cursors, what));
            }
            if cursor.seq >= durable {
                return Ok(());
            }
            let last = durable.min(cursor.seq + 1 + self.dice.below(2 * RECORDS_MAX));
            let records = self.nodes[k].disk.framed(cursor.seq + 1, last);
            self.ingest(journal_id, records).await?;
        }
    }
}

/// The numbers of the first and the last.
fn ends(records: &[Framed]) -> (u64, u64) {
    let seq = |framed: &Framed| framed.seq;
    (records.first().map_or(0, seq), records.last().map_or(0, seq))
}

fn told(answer: &Result<Cursor, IngestError>) -> String {
    match answer {
        Ok(cursor) => format!("known up to {}", cursor.seq),
        Err(error) => error.to_string(),
    }
}
