//! Bringing home the journal of a node that will not come back: somebody else opens it, ends its calls and takes it to the
//! ledger. Nothing is ever begun anew here: where the journal cannot be gone on with, that is said and left to people.

use std::{path::PathBuf, sync::Arc};

use domain::{JournalId, Nanos, TimeStamp, account::Flag};
use thiserror::Error;
use uuid::Uuid;

use super::{
    anew::{Course, Departure},
    upload::batch,
};
use crate::{
    journal::{Framed, Journal, JournalError, JournalOptions, Reader},
    port::{Cursor, IngestError, LedgerPort, Standing},
    record::{CallPart, Record},
    step::Replay,
};

/// A call whose end nobody saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Which call.
    pub call: CallPart,
    /// What it was charged at: what is known of it, never more than was reserved.
    pub amount: Nanos,
}

/// What became of an orphan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Homecoming {
    /// Which journal it was.
    pub journal_id: JournalId,
    /// How many records the ledger took in now.
    pub records: u64,
    /// How many of them charge a call.
    pub charges: u64,
    /// Which of those are in doubt.
    pub in_doubt: Vec<Doubt>,
    /// How many leases were given back.
    pub leases: usize,
}

/// Why an orphan stays where it is.
#[derive(Debug, Error)]
pub enum OrphanError {
    /// There is nothing to bring.
    #[error("{0} holds no journal")]
    Missing(PathBuf),
    /// The journal cannot be used, or is in use.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The ledger does not take it in.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// It was brought home to another ledger before.
    #[error(
        "journal {journal_id} belongs to the ledger {before}; this one is {now}. Bring it to the ledger that it was written \
         for: here, what that one has charged would be charged again"
    )]
    OtherLedger {
        /// Which journal.
        journal_id: JournalId,
        /// The ledger that it came home to.
        before: Uuid,
        /// The one that was asked now.
        now: Uuid,
    },
    /// Somebody goes on with a copy of it, or the ledger has lost what is not kept here any more.
    #[error(
        "journal {journal_id} cannot be gone on with: {reason}. Look for another process on a copy of this directory, and \
         bring that one's journal home; where there is none, start a node on this directory: it begins another journal \
         with what has not come home"
    )]
    Departed {
        /// Which journal.
        journal_id: JournalId,
        /// Why.
        reason: String,
    },
}

/// Ends the calls of a journal whose process is gone, brings everything to the ledger and gives back the leases. To do so
/// twice is to do so once.
///
/// # Errors
/// When the journal is in use, is not of that ledger, or cannot be gone on with; nothing was changed then, unless the ledger
/// went away in the middle.
pub async fn bring_home(
    options: JournalOptions,
    port: Arc<dyn LedgerPort>,
    now: TimeStamp,
) -> Result<Homecoming, OrphanError> {
    let (dir, boot_id) = (options.dir.clone(), options.boot_id.clone());
    if !Journal::is_in(&dir)? {
        return Err(OrphanError::Missing(dir));
    }
    let mut replay = Replay::default();
    let mut journal = Journal::open(options, |_, record| replay.take(record))?;
    let known = port.cursor(journal.id()).await?;
    let reader = stands(&journal, known)?;
    journal.append_all(&replay.endings(&boot_id, now)).1?;
    let mut orphan = Orphan::new(journal, port, known, reader);
    orphan.upload().await?;
    // Only once its charges are there: a lease that goes before them would make them late.
    orphan.give_back().await?;
    orphan.upload().await?;
    Ok(orphan.told)
}

/// Where it goes on after what the ledger has.
fn stands(journal: &Journal, known: Standing) -> Result<Reader, OrphanError> {
    let journal_id = journal.id();
    let (_, before) = journal.home();
    if !before.is_nil() && before != known.log_id {
        return Err(OrphanError::OtherLedger { journal_id, before, now: known.log_id });
    }
    if let Some(durable) = journal.lost().filter(|durable| known.cursor.seq < *durable) {
        let (found, home) = (journal.seq(), known.cursor.seq);
        return Err(JournalError::RolledBack { found, durable, home }.into());
    }
    match Course::of(journal, known.cursor)? {
        Course::On(reader) => Ok(reader),
        Course::Departed(departure @ (Departure::Forked { .. } | Departure::Retired { .. })) => {
            Err(OrphanError::Departed { journal_id, reason: departure.to_string() })
        }
    }
}

/// A journal on its way.
struct Orphan {
    journal: Journal,
    port: Arc<dyn LedgerPort>,
    log_id: Uuid,
    /// How far the ledger has it.
    home: Cursor,
    reader: Reader,
    told: Homecoming,
}

impl Orphan {
    const fn new(journal: Journal, port: Arc<dyn LedgerPort>, known: Standing, reader: Reader) -> Self {
        let journal_id = journal.id();
        let told = Homecoming { journal_id, records: 0, charges: 0, in_doubt: Vec::new(), leases: 0 };
        let Standing { log_id, cursor: home } = known;
        Self { journal, port, log_id, home, reader, told }
    }

    /// Takes it home as far as it is durable, which is all of it, and writes down how far that is.
    async fn upload(&mut self) -> Result<(), OrphanError> {
        self.journal.sync()?;
        let (journal_id, until) = (self.journal.id(), self.journal.durable().seq);
        while self.home.seq < until {
            let records = batch(&mut self.reader, until)?;
            if records.is_empty() {
                break;
            }
            let brought = records.iter().map(tell).collect::<Result<Vec<_>, _>>()?;
            let before = self.home.seq;
            self.home = self.port.ingest(journal_id, records).await?;
            self.told.records += self.home.seq.saturating_sub(before);
            self.count(brought.into_iter().flatten());
        }
        self.journal.came_home(self.home.seq, self.log_id);
        Ok(self.journal.sync()?)
    }

    fn count(&mut self, charges: impl Iterator<Item = (Doubt, bool)>) {
        for (charge, in_doubt) in charges {
            self.told.charges += 1;
            self.told.in_doubt.extend(in_doubt.then_some(charge));
        }
    }

    async fn give_back(&mut self) -> Result<(), OrphanError> {
        let leases = self.port.open_leases(self.journal.id()).await?;
        self.told.leases = leases.len();
        let closed = leases.into_iter().map(|(account_id, lease_id)| Record::Close { account_id, lease_id });
        Ok(self.journal.append_all(&closed.collect::<Vec<_>>()).1?)
    }
}

/// What a record charges, if anything, and whether that is in doubt.
fn tell(framed: &Framed) -> Result<Option<(Doubt, bool)>, JournalError> {
    let Record::Settle(settlement) = Record::decode(&framed.payload)? else { return Ok(None) };
    let doubt = Doubt { call: CallPart::of(&settlement.facts), amount: settlement.amount };
    Ok(Some((doubt, settlement.flags.contains(&Flag::InDoubt))))
}
