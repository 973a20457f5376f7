//! The leases of the process before this one: nobody but this node gives them back. It spends them where it starts while
//! the ledger is away: as if that process had not died, for all that it did with them stands in the journal.

use std::sync::atomic::Ordering;

use domain::JournalId;

use super::{Node, NodeError};
use crate::{
    journal::{Journal, JournalError},
    port::{Cursor, GrantError, IngestError, LedgerPort, Standing},
    record::Record,
};

/// What becomes of a start at which the ledger does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unheard {
    /// The node does not open: whoever has the ledger in the same process has no use for one that has none.
    #[default]
    Fails,
    /// It opens on what its journal knows, and brings that home once the ledger answers. Until then it spends what the
    /// process before it was granted, as long as that may be spent.
    GoesOn,
}

/// Leases that are still to be given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    /// The journal that they were granted to.
    pub(super) from: JournalId,
    /// The journal that this process began with.
    pub(super) into: JournalId,
}

/// How far the ledger has the journal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    /// It says so now.
    Now(Standing),
    /// It said so last, and does not answer.
    Before(Standing),
}

impl Heard {
    pub(super) const fn standing(self) -> Standing {
        match self {
            Self::Now(standing) | Self::Before(standing) => standing,
        }
    }
}

/// Asks the ledger how far it has the journal.
pub(super) async fn hear(
    journal: &Journal,
    port: &dyn LedgerPort,
    unheard: Unheard,
) -> Result<Heard, NodeError> {
    match (port.cursor(journal.id()).await, unheard) {
        (Ok(known), _) => Ok(Heard::Now(known)),
        (Err(IngestError::Unavailable(why)), Unheard::GoesOn) => {
            tracing::warn!(journal_id = %journal.id(), why, "the ledger does not answer: this node begins without it");
            Ok(Heard::Before(as_it_was(journal)?))
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn as_it_was(journal: &Journal) -> Result<Standing, JournalError> {
    let (seq, log_id) = journal.home();
    let cursor = if seq == 0 { Cursor::default() } else { journal.reader(seq)?.at() };
    Ok(Standing { log_id, cursor })
}

impl Node {
    /// Gives back what the process before this one held, once the ledger has its charges: a lease that goes before them
    /// would make them late. Nothing is asked for before that, or it would be taken for the old.
    pub(super) async fn give_back_inherited(&self) -> Result<(), NodeError> {
        let mut inherited = self.inherited.lock().await;
        let Some(Inherited { from, into }) = *inherited else { return Ok(()) };
        self.upload().await?;
        // Where another journal has begun meanwhile, whoever goes on with the old one may be alive: the ledger takes its
        // leases back once it hears of that one no more.
        if self.journal_id() == into {
            for (account_id, lease_id) in self.port.open_leases(from).await? {
                let mut inner = self.inner.lock();
                if !inner.state.holds(account_id, lease_id) {
                    inner.write(Record::Close { account_id, lease_id })?;
                }
            }
        }
        *inherited = None;
        drop(inherited);
        self.upload().await
    }

    /// The same, for a call that needs quota.
    pub(super) async fn settle_inherited(&self) -> Result<(), GrantError> {
        self.give_back_inherited().await.map_err(|error| GrantError::Unavailable(error.to_string()))
    }

    /// Brings home what a process before this one left, and gives back what it held; later, where that may be.
    pub(super) async fn begin(&self, unheard: Unheard) -> Result<(), NodeError> {
        let begun = match self.upload().await {
            Ok(()) => self.give_back_inherited().await,
            Err(error) => Err(error),
        };
        match begun {
            Err(NodeError::Ingest(IngestError::Unavailable(_))) if unheard == Unheard::GoesOn => Ok(()),
            other => other,
        }
    }

    /// Says that the journal does not come home when that begins, and that it does again; not with every try.
    pub(super) fn report_home(&self, came: &Result<(), NodeError>) {
        let journal_id = self.journal_id();
        match came {
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => {
                tracing::info!(%journal_id, "the journal comes home again");
            }
            Ok(()) => {}
            Err(error) if self.away.swap(true, Ordering::Relaxed) => {
                tracing::debug!(%error, %journal_id, "the journal was not brought home; trying again");
            }
            Err(error) => {
                tracing::error!(%error, %journal_id, "the journal was not brought home; trying again");
            }
        }
    }
}
