//! What accounts come to, at a Redis server, for whoever shows it: never for a decision about money.
//!
//! The ledger log goes on all the time, so this follows it at a distance of about a second, and brings each account that changed
//! once however often it did. A row is a state with its version: to write one twice is to write it once, and an older one
//! never takes the place of a newer one.

mod projector;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use domain::{
    AccountId, TimeStamp,
    account::{Account, AccountStatus, Limit},
};
use eventlog::{Pool, Recorded, Sealer, StoreError};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::projector::AccountProjector;
use super::value::{self, Said};
use crate::Versioned;

/// What an account comes to. Amounts are nano-dollars, as text: they may be longer than a number is in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSummary {
    /// Which account.
    pub account_id: AccountId,
    /// Whether it is in use.
    pub status: AccountStatus,
    /// How far it may be drawn.
    pub limit: Limit,
    /// Paid in.
    pub credit_nanos: String,
    /// Taken out by adjustment.
    pub debit_nanos: String,
    /// Charged.
    pub posted_nanos: String,
    /// Given back.
    pub refunded_nanos: String,
    /// Held by nodes for open calls.
    pub pending_nanos: String,
    /// What is left; negative when it is overdrawn.
    pub available_nanos: String,
    /// When it last changed.
    pub updated_at: TimeStamp,
}

impl AccountSummary {
    /// None of what was never opened, such as an account that a charge has named before.
    pub fn of(account: &Account, updated_at: TimeStamp) -> Option<Self> {
        Some(Self {
            account_id: account.id()?,
            status: account.status,
            limit: account.limit,
            credit_nanos: account.credit_nanos.to_string(),
            debit_nanos: account.debit_nanos.to_string(),
            posted_nanos: account.posted_nanos.to_string(),
            refunded_nanos: account.refunded_nanos.to_string(),
            pending_nanos: account.pending_nanos.to_string(),
            available_nanos: account.available_nanos().to_string(),
            updated_at,
        })
    }
}

/// Whose rows accounts are: the ledger's.
pub trait AccountSource: Send + Sync + 'static {
    /// Which accounts these events of the ledger log change.
    ///
    /// # Errors
    /// When one cannot be read.
    fn touched(&self, events: &[Recorded]) -> Result<BTreeSet<AccountId>, StoreError>;

    /// These accounts as they stand; what was never opened is left out.
    fn rows<'a>(
        &'a self,
        pool: &'a Pool,
        ids: &'a BTreeSet<AccountId>,
    ) -> BoxFuture<'a, Result<Vec<Versioned<AccountSummary>>, StoreError>>;

    /// The ids of the accounts after `after`, in their order, at most `limit`.
    fn ids<'a>(
        &'a self,
        pool: &'a Pool,
        after: Option<AccountId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, StoreError>>;
}

/// Where they stand: the keys of whoever holds the master key.
#[derive(Clone, Debug)]
pub(super) struct AccountKeys {
    /// How far the rows have come, and whether they are all there.
    pub(super) place: String,
    /// Rows by account.
    pub(super) rows: String,
}

impl AccountKeys {
    pub(super) fn of(sealer: &Sealer) -> Self {
        let key = |what: &str| format!("veloera:{{accounts-{}}}:{what}", sealer.mark_key_id());
        Self { place: key("place"), rows: key("rows") }
    }

    /// What a row is written as: its version, by which the server knows the newer one, then a value as every other.
    fn write(
        &self,
        sealer: &Sealer,
        position: u64,
        row: &Versioned<AccountSummary>,
    ) -> serde_json::Result<String> {
        let field = row.row.account_id.to_string();
        let text = serde_json::to_string(row)?;
        let said = Said { key: &self.rows, field: &field, position, text: &text }.write(sealer);
        Ok(format!("{} {said}", row.version))
    }

    /// The text of a row, where it was written for its place.
    pub(super) fn read<'v>(&self, sealer: &Sealer, field: &str, value: &'v str) -> Option<&'v str> {
        let (_, said) = value.split_once(' ')?;
        value::read(sealer, &self.rows, field, said).map(|(_, text)| text)
    }
}
