//! I5: of every journal each record was taken in once, in order, and as it was written.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    path::Path,
};

use domain::{JournalId, Nanos, account::Deduction};

use super::{
    AuditError,
    broken::{Broken, Findings},
    ends::Ends,
};
use crate::{
    journal::{JournalError, Reader},
    port::Cursor,
    record::{CallPart, Record},
};

/// The cursors, and the journal that lies here, as far as it was taken in.
pub(super) struct Journals {
    cursors: HashMap<JournalId, Cursor>,
    /// The last record of each journal that was charged.
    charged: BTreeMap<JournalId, u64>,
    here: Option<Here>,
}

/// The journal that lies here. What it keeps has a limit, and so have its settlements.
struct Here {
    journal_id: JournalId,
    /// The record in front of the first that is kept.
    before: u64,
    /// The last record that was taken in and can be read.
    last: u64,
    /// Those that no event has charged yet.
    settled: VecDeque<Settled>,
}

struct Settled {
    seq: u64,
    call: CallPart,
    amount: Nanos,
}

impl Journals {
    /// Reads the journal in `dir`, where there is one, beside the process that writes it. Before anything else is
    /// read: its files go some time after they were taken in.
    pub(super) fn read(
        dir: Option<&Path>,
        cursors: HashMap<JournalId, Cursor>,
        findings: &mut Findings,
    ) -> Result<Self, JournalError> {
        let mut journals = Self { cursors, charged: BTreeMap::new(), here: None };
        journals.here = match dir.map(Reader::first).transpose() {
            Ok(Some(Some((journal_id, reader)))) => {
                let cursor = journals.cursors.get(&journal_id).copied().unwrap_or_default();
                Some(Here::read(journal_id, reader, cursor, findings)?)
            }
            Ok(_) => None,
            Err(error) => {
                findings.push(damage(error)?);
                None
            }
        };
        Ok(journals)
    }

    /// A charge, in the order of the log.
    pub(super) fn charged(
        &mut self,
        position: u64,
        charge: &Deduction,
        ends: &mut Ends,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let Deduction { journal_id, seq, .. } = *charge;
        let last = self.charged.entry(journal_id).or_default();
        if seq <= *last {
            findings.push(Broken::Order { position, journal_id, seq });
            return Ok(());
        }
        *last = seq;
        let Some(here) = self.here.as_mut().filter(|here| here.holds(journal_id, seq)) else { return Ok(()) };
        if !here.settles(charge, ends)? {
            findings.push(Broken::Record { position, journal_id, seq });
        }
        Ok(())
    }

    /// Now that every charge was seen.
    pub(super) fn end(self, ends: &mut Ends, findings: &mut Findings) -> Result<(), AuditError> {
        for (journal_id, seq) in self.charged {
            let cursor = self.cursors.get(&journal_id).map_or(0, |cursor| cursor.seq);
            if cursor < seq {
                findings.push(Broken::Cursor { journal_id, cursor, seq });
            }
        }
        for settled in self.here.into_iter().flat_map(|here| here.settled) {
            ends.settled(settled.call)?;
        }
        Ok(())
    }
}

impl Here {
    fn read(
        journal_id: JournalId,
        mut reader: Reader,
        cursor: Cursor,
        findings: &mut Findings,
    ) -> Result<Self, JournalError> {
        let before = reader.at().seq;
        let mut here = Self { journal_id, before, last: before, settled: VecDeque::new() };
        if cursor.seq < before {
            findings.push(Broken::JournalLacks { journal_id, cursor: cursor.seq, before });
            return Ok(here);
        }
        loop {
            match reader.next(cursor.seq) {
                Ok(Some(framed)) => here.record(framed.seq, Record::decode(&framed.payload)?),
                Ok(None) => break,
                // A record that should be there would stand in a file that is not.
                Err(JournalError::Gap { .. }) => break,
                Err(error) => {
                    findings.push(damage(error)?);
                    return Ok(here);
                }
            }
        }
        if here.last < cursor.seq {
            findings.push(Broken::JournalShort { journal_id, cursor: cursor.seq, last: here.last });
        } else if reader.at().link != cursor.link {
            findings.push(Broken::JournalDiffers { journal_id, seq: cursor.seq });
        }
        Ok(here)
    }

    fn record(&mut self, seq: u64, record: Record) {
        self.last = seq;
        if let Record::Settle(settlement) = record {
            let (call, amount) = (CallPart::of(&settlement.facts), settlement.amount);
            self.settled.push_back(Settled { seq, call, amount });
        }
    }

    fn holds(&self, journal_id: JournalId, seq: u64) -> bool {
        journal_id == self.journal_id && seq > self.before && seq <= self.last
    }

    /// Whether the record that is charged says what is charged. What was settled in front of it and not charged must
    /// have been charged already: as the end that another journal brought.
    fn settles(&mut self, charge: &Deduction, ends: &mut Ends) -> io::Result<bool> {
        while let Some(passed) = self.settled.pop_front_if(|settled| settled.seq < charge.seq) {
            ends.settled(passed.call)?;
        }
        let Some(settled) = self.settled.pop_front_if(|settled| settled.seq == charge.seq) else {
            return Ok(false);
        };
        let charged = CallPart { call_id: charge.call_id, part: charge.part };
        Ok(settled.call == charged && settled.amount == charge.amount_nanos)
    }
}

/// What is wrong with the journal itself; the disk's own failure is none of the history's.
fn damage(error: JournalError) -> Result<Broken, JournalError> {
    match error {
        JournalError::Corrupt { path, offset, .. } => Ok(Broken::JournalDamaged { path, offset }),
        other => Err(other),
    }
}
