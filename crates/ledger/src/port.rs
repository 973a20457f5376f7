//! What a node asks of the ledger: in process, or over HTTP.

use std::collections::HashSet;

use domain::{AccountId, BudgetId, JournalId, LeaseId, Nanos};
use futures_util::{future::BoxFuture, stream::BoxStream};
use thiserror::Error;
use uuid::Uuid;

use crate::{chain::Link, journal::Framed, step::Grant};

/// The most records in one upload.
pub const RECORDS_MAX: usize = 2_000;

/// Quota that a call needs, on all accounts that lack it: granted whole or not at all.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The journal that will spend it.
    pub journal_id: JournalId,
    /// Per account.
    pub scopes: Vec<ScopeAsk>,
}

/// Quota on one account.
#[derive(Clone, Copy, Debug)]
pub struct ScopeAsk {
    /// Which account.
    pub account_id: AccountId,
    /// Chosen by the node: asking twice grants once.
    pub lease_id: LeaseId,
    /// What the call needs.
    pub need: Nanos,
    /// What it can make do with.
    pub floor: Nanos,
    /// What the node spent on the account in the last ten seconds.
    pub rate: Nanos,
    /// The budget, where the account is one of its windows: such an account is opened at first use.
    pub budget: Option<BudgetId>,
}

/// How far a journal was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last record's number.
    pub seq: u64,
    /// Its link.
    pub link: Link,
}

/// How far a ledger has taken a journal in, and which ledger that is. One that was restored is behind, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Names the ledger's log.
    pub log_id: Uuid,
    /// How far it has the journal.
    pub cursor: Cursor,
}

/// Why no quota was granted.
#[derive(Debug, Error)]
pub enum GrantError {
    /// An account has too little, or takes no leases.
    #[error("{}: {refusal}", .account_id.prefixed())]
    Refused {
        /// Which account.
        account_id: AccountId,
        /// Why.
        refusal: domain::account::AccountRefusal,
    },
    /// The ledger cannot be reached, or failed.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

impl GrantError {
    /// Why an account gives nothing; none where the ledger did not answer.
    pub const fn refusal(&self) -> Option<&domain::account::AccountRefusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Unavailable(_) => None,
        }
    }
}

/// Why records were not taken in.
#[derive(Debug, Error)]
pub enum IngestError {
    /// Records before these are missing.
    #[error("journal {journal_id} is known up to record {known}; these begin at {first}")]
    Gap {
        /// Which journal.
        journal_id: JournalId,
        /// How far it is known.
        known: u64,
        /// Where these begin.
        first: u64,
    },
    /// The records do not continue the chain that is known: the journal was rolled back or changed.
    #[error(
        "journal {journal_id} does not continue what was ingested, at record {seq}: it was rolled back or changed"
    )]
    Fork {
        /// Which journal.
        journal_id: JournalId,
        /// Where it differs.
        seq: u64,
    },
    /// A record cannot be read, though its chain is valid.
    #[error("record {seq} of journal {journal_id} cannot be read: {reason}")]
    Unreadable {
        /// Which journal.
        journal_id: JournalId,
        /// Which record.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// The journal belongs to another node: nothing is taken from this one, and nothing told.
    #[error("journal {journal_id} belongs to another node")]
    Foreign {
        /// Which journal.
        journal_id: JournalId,
    },
    /// The ledger cannot be reached, or failed.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

/// What was said of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Up to which position this is all.
    pub head: u64,
    /// Of these nothing that is held may be spent any more: they are closed, or limited anew.
    pub stopped: HashSet<AccountId>,
    /// Of these more may be had than before; of any, where it is not known of which.
    pub raised: Option<HashSet<AccountId>>,
}

/// Why nothing is known of what was said.
#[derive(Debug, Error)]
pub enum NewsError {
    /// Nothing will be said any more.
    #[error("the ledger has ended")]
    Ended,
    /// The ledger cannot be reached, or failed.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

/// The ledger, as a node sees it.
pub trait LedgerPort: Send + Sync + 'static {
    /// Grants quota on every account that is named, or on none.
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>>;

    /// How far a journal was taken in, and by which ledger.
    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>>;

    /// Takes records in, exactly once each, and answers how far the journal is taken in now.
    fn ingest(
        &self,
        journal_id: JournalId,
        records: Vec<Framed>,
    ) -> BoxFuture<'_, Result<Cursor, IngestError>>;

    /// The leases that a journal has not given back: what a process that died held.
    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>>;

    /// Accounts of which other nodes would be refused quota, as they are: whoever writes this journal gives back what
    /// no call of its own needs. Ends with the ledger.
    fn recalls(&self, journal_id: JournalId) -> BoxStream<'static, AccountId>;

    /// How far the ledger has come, as far as that is known here without asking.
    fn head(&self) -> u64;

    /// What was said of accounts after `after`, once anything was said at all. Without `after`, how far the ledger has
    /// come, at once.
    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>>;
}
