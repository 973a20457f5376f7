//! `/sync/journals/{id}`: how far a journal was taken in, and what came of bringing more.

use domain::{AccountId, JournalId, LeaseId};
use ledger::{Cursor, IngestError, Link, Standing};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How far a journal was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorView {
    /// The last record's number.
    pub seq: u64,
    /// Its link.
    #[serde(with = "hex")]
    link: [u8; 32],
}

/// `GET /sync/journals/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalView {
    /// Names the ledger's log.
    log_id: Uuid,
    cursor: CursorView,
    /// The leases that the journal has not given back, where `?leases=true` asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leases: Option<Vec<LeaseView>>,
}

/// A lease that was not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseView {
    account_id: AccountId,
    lease_id: LeaseId,
}

/// `POST /sync/journals/{id}/records`: what came of records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestedView {
    /// They were taken in, up to here.
    TakenIn(CursorView),
    /// Records before them are missing.
    Gap {
        /// How far the journal is known.
        known: u64,
        /// Where these begin.
        first: u64,
    },
    /// They do not continue what is known.
    Fork {
        /// Where they differ.
        seq: u64,
    },
    /// One cannot be read.
    Unreadable {
        /// Which one.
        seq: u64,
        /// Why.
        reason: String,
    },
}

impl From<Cursor> for CursorView {
    fn from(cursor: Cursor) -> Self {
        Self { seq: cursor.seq, link: cursor.link.0 }
    }
}

impl From<CursorView> for Cursor {
    fn from(view: CursorView) -> Self {
        Self { seq: view.seq, link: Link(view.link) }
    }
}

impl JournalView {
    /// How a journal stands, and which leases it holds where that was asked.
    pub fn new(standing: Standing, leases: Option<Vec<(AccountId, LeaseId)>>) -> Self {
        let lease = |(account_id, lease_id)| LeaseView { account_id, lease_id };
        let leases = leases.map(|leases| leases.into_iter().map(lease).collect());
        Self { log_id: standing.log_id, cursor: standing.cursor.into(), leases }
    }

    /// How far it was taken in, and by which ledger.
    pub fn standing(&self) -> Standing {
        Standing { log_id: self.log_id, cursor: self.cursor.into() }
    }

    /// What it has not given back.
    pub fn leases(&self) -> Vec<(AccountId, LeaseId)> {
        let leases = self.leases.iter().flatten();
        leases.map(|lease| (lease.account_id, lease.lease_id)).collect()
    }
}

impl IngestedView {
    /// What the ledger said.
    ///
    /// # Errors
    /// When the ledger is away, which is no answer.
    pub fn of(answer: Result<Cursor, IngestError>) -> Result<Self, String> {
        match answer {
            Ok(cursor) => Ok(Self::TakenIn(cursor.into())),
            Err(IngestError::Gap { known, first, .. }) => Ok(Self::Gap { known, first }),
            Err(IngestError::Fork { seq, .. }) => Ok(Self::Fork { seq }),
            Err(IngestError::Unreadable { seq, reason, .. }) => Ok(Self::Unreadable { seq, reason }),
            Err(error @ (IngestError::Foreign { .. } | IngestError::Unavailable(_))) => {
                Err(error.to_string())
            }
        }
    }

    /// As the node's ledger says it.
    ///
    /// # Errors
    /// Why the records were not taken in.
    pub fn into_answer(self, journal_id: JournalId) -> Result<Cursor, IngestError> {
        match self {
            Self::TakenIn(cursor) => Ok(cursor.into()),
            Self::Gap { known, first } => Err(IngestError::Gap { journal_id, known, first }),
            Self::Fork { seq } => Err(IngestError::Fork { journal_id, seq }),
            Self::Unreadable { seq, reason } => Err(IngestError::Unreadable { journal_id, seq, reason }),
        }
    }
}
