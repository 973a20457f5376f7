//! Writing what a step says, and letting go of files that nobody needs any more.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use domain::{JournalId, TimeStamp};

use crate::{
    journal::{Journal, JournalError},
    record::{CallPart, Record},
    step::NodeState,
};

/// What a node knows, and what it wrote down of it.
pub(super) struct Inner {
    pub(super) state: NodeState,
    pub(super) journal: Journal,
    /// What has happened and the disk did not take: written before anything else, so that no close overtakes a charge.
    owed: VecDeque<Record>,
    boot_id: String,
    /// Where the journal says last under which boot this process runs.
    started_at: u64,
    /// How many records the journals held that this one took the place of.
    before: u64,
}

impl Inner {
    /// Says in the journal that a process has started, which spends what `state` holds.
    pub(super) fn start(
        mut journal: Journal,
        state: NodeState,
        boot_id: String,
        at: TimeStamp,
    ) -> Result<Self, JournalError> {
        let started_at = journal.append(&Record::Started { boot_id: boot_id.clone(), at })?;
        Ok(Self { state, journal, owed: VecDeque::new(), boot_id, started_at, before: 0 })
    }

    /// Counts what was ever written here, also into the journals that this one took the place of.
    pub(super) const fn written(&self) -> u64 {
        self.before + self.journal.seq()
    }

    /// As much of that as is durable.
    pub(super) const fn durable(&self) -> u64 {
        self.before + self.journal.durable().seq
    }

    /// Whether something has happened that is not written down.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Writes one record after those that are owed.
    pub(super) fn write(&mut self, record: Record) -> Result<(), JournalError> {
        self.write_all(vec![record])
    }

    /// Writes records after those that are owed. One that asks for leave, to spend or to send, is not owed when it
    /// fails: what it asks for is then not done.
    pub(super) fn write_all(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        let asks =
            matches!(records.last(), Some(Record::Reserve(_) | Record::Extend { .. } | Record::Sent { .. }));
        self.owed.extend(records);
        let written = self.catch_up();
        if asks && written.is_err() {
            self.owed.pop_back();
        }
        written
    }

    /// Writes what is owed.
    pub(super) fn catch_up(&mut self) -> Result<(), JournalError> {
        while self.owes() {
            let first_seq = self.journal.seq() + 1;
            let (written, done) = self.journal.append_all(&self.owed);
            for (record, seq) in self.owed.drain(..written).zip(first_seq..) {
                if let Record::Reserve(facts) = &record {
                    self.state.was_written(CallPart::of(facts), seq);
                }
            }
            if let Err(error) = done {
                if !error.is_of_the_disk() {
                    // It never could be written.
                    self.owed.pop_front();
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes files that were ingested up to `ingested` and are not `kept` longer. What a restart would need of them
    /// is written once more, and they go when that is ingested.
    pub(super) fn retire(
        &mut self,
        ingested: u64,
        keep: Duration,
        now: TimeStamp,
    ) -> Result<(), JournalError> {
        let expired = self.journal.expired(ingested, keep)?;
        if expired == 0 {
            return Ok(());
        }
        if self.started_at <= expired {
            let started = Record::Started { boot_id: self.boot_id.clone(), at: now };
            self.started_at = self.journal.append(&started)?;
        }
        for (call, records) in self.state.expiring(expired) {
            let first_seq = self.journal.seq() + 1;
            self.journal.append_all(&records).1?;
            self.state.was_repeated(call, first_seq, self.journal.seq());
        }
        let needed = self.state.needed_from(ingested).unwrap_or(u64::MAX);
        self.journal.retire(ingested.min(needed.saturating_sub(1)), keep)
    }

    /// Goes on in another journal, which holds what `carried` writes and every open call. Answers where the files of the old one are.
    pub(super) fn begin_anew(
        &mut self,
        id: JournalId,
        now: TimeStamp,
        carried: impl FnOnce(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<PathBuf, JournalError> {
        let started = Record::Started { boot_id: self.boot_id.clone(), at: now };
        let (open, before) = (self.state.repetitions(), self.written());
        let mut stand = Vec::with_capacity(open.len());
        let aside = self.journal.begin_anew(id, |journal| {
            journal.append(&started)?;
            carried(journal)?;
            for (call, records) in &open {
                stand.push((*call, journal.seq() + 1));
                journal.append_all(records).1?;
            }
            Ok(())
        })?;
        (self.started_at, self.before) = (1, before);
        for (call, seq) in stand {
            self.state.was_written(call, seq);
        }
        Ok(aside)
    }
}
