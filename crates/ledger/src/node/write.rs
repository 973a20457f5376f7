//! Writing what a step says, and letting go of files that nobody needs any more.

use std::{collections::VecDeque, time::Duration};

use domain::TimeStamp;

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
}

impl Inner {
    /// Says in the journal that a process has started.
    pub(super) fn start(mut journal: Journal, boot_id: String, at: TimeStamp) -> Result<Self, JournalError> {
        let started_at = journal.append(&Record::Started { boot_id: boot_id.clone(), at })?;
        Ok(Self { state: NodeState::default(), journal, owed: VecDeque::new(), boot_id, started_at })
    }

    /// Writes one record after those that are owed. One that asks for leave, to spend or to send, is not owed when it
    /// fails: what it asks for is then not done.
    pub(super) fn write(&mut self, record: Record) -> Result<(), JournalError> {
        let asks = matches!(record, Record::Reserve(_) | Record::Extend { .. } | Record::Sent { .. });
        self.owed.push_back(record);
        let written = self.catch_up();
        if asks && written.is_err() {
            self.owed.pop_back();
        }
        written
    }

    /// Writes what is owed.
    pub(super) fn catch_up(&mut self) -> Result<(), JournalError> {
        while let Some(record) = self.owed.pop_front() {
            match self.journal.append(&record) {
                Ok(seq) => {
                    if let Record::Reserve(facts) = &record {
                        self.state.was_written(CallPart::of(facts), seq);
                    }
                }
                // It never could be.
                Err(error @ (JournalError::TooLarge { .. } | JournalError::Record(_))) => return Err(error),
                Err(error) => {
                    self.owed.push_front(record);
                    return Err(error);
                }
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
            for record in &records {
                self.journal.append(record)?;
            }
            self.state.was_repeated(call, first_seq, self.journal.seq());
        }
        let needed = self.state.needed_from(ingested).unwrap_or(u64::MAX);
        self.journal.retire(ingested.min(needed.saturating_sub(1)), keep)
    }
}
