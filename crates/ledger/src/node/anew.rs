//! What is done when the ledger and the journal do not agree: what can be sent again is, and where that is not possible
//! another journal begins, with everything that has not come home.

use domain::JournalId;
use thiserror::Error;

use super::{Node, NodeError};
use crate::{
    journal::{Journal, JournalError, Reader},
    port::{Cursor, Standing},
    record::Record,
    step::Input,
};

/// Why a journal cannot be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Departure {
    /// A copy of the journal was gone on with elsewhere, or this one was put back to an earlier state.
    #[error(
        "the ledger has this journal up to record {known} and another record there than this disk, which ends at {end}"
    )]
    Forked {
        /// How far the ledger has it.
        known: u64,
        /// Where it ends here.
        end: u64,
    },
    /// The ledger was restored to a state before what is kept here.
    #[error("the ledger has lost records {first} to {last}, which are not kept here any more")]
    Retired {
        /// The first that cannot be sent again.
        first: u64,
        /// The last.
        last: u64,
    },
}

/// Where a journal stands to what the ledger has.
pub(super) enum Course {
    /// It goes on from there.
    On(Reader),
    /// It cannot.
    Departed(Departure),
}

impl Course {
    /// Looks before anything is added: a disk that was rolled back could catch up with the ledger's count by that.
    pub(super) fn of(journal: &Journal, cursor: Cursor) -> Result<Self, JournalError> {
        let forked = Self::Departed(Departure::Forked { known: cursor.seq, end: journal.seq() });
        if cursor.seq > journal.seq() {
            return Ok(forked);
        }
        let (first, last) = (cursor.seq + 1, journal.first_seq().saturating_sub(1));
        if first <= last {
            return Ok(Self::Departed(Departure::Retired { first, last }));
        }
        let reader = journal.reader(cursor.seq)?;
        Ok(if reader.at() == cursor { Self::On(reader) } else { forked })
    }
}

/// Says where the ledger is not what it was.
pub(super) fn notice(journal: &Journal, known: Standing) {
    let (home_seq, log_id) = journal.home();
    let (journal_id, there) = (journal.id(), known.cursor.seq);
    if !log_id.is_nil() && log_id != known.log_id {
        tracing::warn!(%journal_id, before = %log_id, now = %known.log_id, "the ledger is another one than before");
    }
    if there < home_seq {
        tracing::warn!(
            %journal_id, had = home_seq, has = there,
            "the ledger has lost records of this journal, as after a restore; they are sent again"
        );
    }
}

/// What a journal holds that may not have come home: ends of calls and of leases. Whatever has is left out by the ledger,
/// to which a call ends once.
pub(super) struct Unsent {
    reader: Reader,
    until: u64,
}

impl Unsent {
    pub(super) fn of(journal: &Journal, departure: Departure, known: Standing) -> Result<Self, JournalError> {
        let (home_seq, log_id) = journal.home();
        let after = match departure {
            Departure::Forked { .. } if log_id == known.log_id => home_seq.min(journal.seq()),
            Departure::Forked { .. } | Departure::Retired { .. } => 0,
        };
        let reader = journal.reader(after.max(journal.first_seq().saturating_sub(1)))?;
        Ok(Self { reader, until: journal.seq() })
    }

    /// Writes it into another journal.
    pub(super) fn carry(mut self, into: &mut Journal) -> Result<(), JournalError> {
        while let Some(framed) = self.reader.next(self.until)? {
            let record = Record::decode(&framed.payload)?;
            // What a lease gave up in part is freed with it: to give it up twice would free what calls hold.
            if matches!(record, Record::Settle(_) | Record::Close { .. }) {
                into.append(&record)?;
            }
        }
        Ok(())
    }
}

/// Tells the operator.
pub(super) fn report(old: JournalId, new: JournalId, departure: Departure, kept: &std::path::Path) {
    tracing::error!(
        journal_id = %old, reason = %departure, new_journal_id = %new, kept = %kept.display(),
        "a journal cannot be gone on with: another one has begun, which holds what had not come home; look for another \
         process on a copy of this directory, or for a restore"
    );
}

impl Node {
    /// Begins another journal, carries the open calls over, and gives back all quota that no call needs: what was leased
    /// to the old one is asked for anew. The ledger hears no more of the old one.
    pub(super) fn begin_anew(&self, departure: Departure, known: Standing) -> Result<(), NodeError> {
        let id = self.clock.journal_id();
        {
            let mut inner = self.inner.lock();
            let (old, unsent) = (inner.journal.id(), Unsent::of(&inner.journal, departure, known)?);
            let now = self.clock.wall();
            let kept = inner.begin_anew(id, now, |journal| unsent.carry(journal))?;
            inner.journal.came_home(0, known.log_id);
            report(old, id, departure, &kept);
        }
        self.ingested.send_replace(0);
        self.syncer.tell();
        self.take(Input::Recall { accounts: Vec::new() }).map(drop)
    }
}
