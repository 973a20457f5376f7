//! Whoever pays, and the rules about money.
//!
//! Four sums only rise: `credit`, `debit`, `posted`, `refunded`. What is open is `pending`: the unsettled part of
//! the open leases. One event may charge several accounts, for a call is limited by its payer's account and by
//! its token's: [`Account::evolve`] takes from it what concerns itself.

mod charge;
mod events;
mod extension;
mod lease;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    charge::{CallFacts, CallPart, Flag, Mode, Scope, Settlement, deduct},
    events::{
        AccountEvent, Adjustment, Attempt, AttemptOutcome, Charge, Correction, Deduction, LeaseEnd,
        Reconciliation,
    },
    extension::{EXTENSIONS_MAX, Extension, Portion},
    lease::{LEASES_MAX, Lease, LeaseAsk},
};
use crate::{AMOUNT_MAX, AccountId, Aggregate, ApiTokenId, LeaseId, Log, Nanos, UserId};

/// How far an account may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// No farther than what was paid in.
    #[default]
    Prepaid,
    /// So many nano-dollars farther.
    CreditNanos(Nanos),
    /// Without end: takes no leases.
    Unlimited,
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A user pays from it.
    User(UserId),
    /// It limits a token.
    Token(ApiTokenId),
    /// It takes the charges that belong to no account the ledger knows.
    Suspense,
}

/// What is asked of one account. Charges come from [`deduct`], which sees all accounts of a call at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountCommand {
    /// Opens it.
    Open {
        /// Its id, also that of its stream.
        account_id: AccountId,
        /// Whose it is.
        owner: Owner,
        /// How far it may be drawn.
        limit: Limit,
    },
    /// Pays in.
    Deposit {
        /// How much; not nothing.
        amount: Nanos,
        /// Why, for people.
        reason: String,
    },
    /// Corrects what stands on it.
    Adjust {
        /// Which way.
        adjustment: Adjustment,
        /// How much; not nothing.
        amount: Nanos,
        /// Why, for people.
        reason: String,
    },
    /// May be drawn so far from now on.
    ChangeLimit(Limit),
    /// Takes no more leases and deposits; what is still out comes home.
    Close,
    /// Takes leases and deposits again.
    Reopen,
    /// Grants quota to a node.
    Lease(LeaseAsk),
    /// Takes back a part of a lease that no call needs.
    Release {
        /// Which lease.
        lease_id: LeaseId,
        /// How much.
        amount: Nanos,
    },
    /// Ends a lease.
    EndLease {
        /// Which lease.
        lease_id: LeaseId,
        /// Whether the node gave it back or was not heard of again.
        end: LeaseEnd,
    },
    /// Corrects what a call was charged.
    Reconcile(Box<Reconciliation>),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccountRefusal {
    /// There is none of that id.
    #[error("there is no such account")]
    Unknown,
    /// The id is taken.
    #[error("an account of that id exists")]
    Exists,
    /// It was closed.
    #[error("the account is closed")]
    Closed,
    /// Nothing to move.
    #[error("the amount must be more than nothing")]
    Nothing,
    /// The reason is no text that a ledger can keep.
    #[error("`reason`: {0}")]
    Reason(#[from] crate::NameError),
    /// More than there is.
    #[error("the account has {available_nanos} nano-dollars available, fewer than the {needed_nanos} needed")]
    Insufficient {
        /// What could be had; negative when it is overdrawn.
        available_nanos: i64,
        /// What was asked.
        needed_nanos: u64,
    },
    /// It takes no leases, since nothing limits it.
    #[error("an unlimited account takes no leases")]
    Unlimited,
    /// Its sums would pass what JSON readers carry exactly.
    #[error("an account's sums end at {AMOUNT_MAX} nano-dollars; open another account")]
    Full,
    /// It takes what belongs to nobody, always.
    #[error("the suspense account stays open")]
    Suspense,
    /// More open leases than an account may have.
    #[error("an account may have at most {LEASES_MAX} open leases")]
    Leases,
}

/// An account, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Whose it is; `None` before it was opened.
    pub owner: Option<(AccountId, Owner)>,
    /// Whether it was closed.
    pub status: AccountStatus,
    /// How far it may be drawn.
    pub limit: Limit,
    /// Paid in; only rises.
    pub credit_nanos: u64,
    /// Taken out by adjustment; only rises.
    pub debit_nanos: u64,
    /// Charged; only rises.
    pub posted_nanos: u64,
    /// Given back by reconciliation; only rises.
    pub refunded_nanos: u64,
    /// The unsettled part of the open leases.
    pub pending_nanos: u64,
    /// Quota that nodes hold.
    pub leases: BTreeMap<LeaseId, Lease>,
}

/// Whether an account is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// It is.
    #[default]
    Open,
    /// It was closed.
    Closed,
}

impl Account {
    /// `credit − debit − posted + refunded − pending`: negative when it is overdrawn.
    pub fn available_nanos(&self) -> i64 {
        let sum =
            i128::from(self.credit_nanos) - i128::from(self.debit_nanos) - i128::from(self.posted_nanos)
                + i128::from(self.refunded_nanos)
                - i128::from(self.pending_nanos);
        i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
    }

    /// What may still be leased or taken out; `None` without end.
    pub fn room(&self) -> Option<Nanos> {
        let further = match self.limit {
            Limit::Unlimited => return None,
            Limit::Prepaid => 0,
            Limit::CreditNanos(nanos) => nanos.get(),
        };
        let room = i128::from(self.available_nanos()) + i128::from(further);
        Some(Nanos::saturating(u128::try_from(room).unwrap_or(0)))
    }

    /// Its id, once it was opened.
    pub fn id(&self) -> Option<AccountId> {
        self.owner.map(|(id, _)| id)
    }

    /// Whether it was opened and not closed.
    pub fn is_open(&self) -> bool {
        self.owner.is_some() && self.status == AccountStatus::Open
    }

    fn usable(&self) -> Result<(), AccountRefusal> {
        match (self.owner, self.status) {
            (None, _) => Err(AccountRefusal::Unknown),
            (Some(_), AccountStatus::Closed) => Err(AccountRefusal::Closed),
            (Some(_), AccountStatus::Open) => Ok(()),
        }
    }

    fn decide_adjust(
        &self,
        adjustment: Adjustment,
        amount: Nanos,
        reason: String,
    ) -> Result<Vec<AccountEvent>, AccountRefusal> {
        moved(amount, &reason)?;
        sums_to(if adjustment == Adjustment::Credit { self.credit_nanos } else { self.debit_nanos }, amount)?;
        // A chargeback has already happened outside: it is recorded whatever it leaves.
        if adjustment == Adjustment::Debit && self.room().is_some_and(|room| amount > room) {
            return Err(AccountRefusal::Insufficient {
                available_nanos: self.available_nanos(),
                needed_nanos: amount.get(),
            });
        }
        Ok(vec![AccountEvent::Adjusted { adjustment, amount_nanos: amount, reason }])
    }
}

fn sums_to(sum: u64, amount: Nanos) -> Result<(), AccountRefusal> {
    if sum.saturating_add(amount.get()) > AMOUNT_MAX { Err(AccountRefusal::Full) } else { Ok(()) }
}

fn moved(amount: Nanos, reason: &str) -> Result<(), AccountRefusal> {
    crate::names::check(reason)?;
    if amount.is_zero() { Err(AccountRefusal::Nothing) } else { Ok(()) }
}

impl Aggregate for Account {
    const KIND: &'static str = "account";
    const LOG: Log = Log::Ledger;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Refusal = AccountRefusal;

    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountRefusal> {
        use AccountCommand as C;
        match command {
            C::Open { .. } if self.owner.is_some() => Err(AccountRefusal::Exists),
            C::Open { account_id, owner, limit } => {
                Ok(vec![AccountEvent::Opened { account_id, owner, limit }])
            }
            _ if self.owner.is_none() => Err(AccountRefusal::Unknown),
            C::Deposit { amount, reason } => {
                self.usable()?;
                moved(amount, &reason)?;
                sums_to(self.credit_nanos, amount)?;
                Ok(vec![AccountEvent::Deposited { amount_nanos: amount, reason }])
            }
            C::Adjust { adjustment, amount, reason } => self.decide_adjust(adjustment, amount, reason),
            C::ChangeLimit(limit) if limit == self.limit => Ok(Vec::new()),
            C::ChangeLimit(limit) => Ok(vec![AccountEvent::LimitChanged { limit }]),
            C::Close if self.status == AccountStatus::Closed => Ok(Vec::new()),
            C::Close if matches!(self.owner, Some((_, Owner::Suspense))) => Err(AccountRefusal::Suspense),
            C::Close => Ok(vec![AccountEvent::Closed {}]),
            C::Reopen if self.status == AccountStatus::Open => Ok(Vec::new()),
            C::Reopen => Ok(vec![AccountEvent::Reopened {}]),
            C::Lease(ask) => self.decide_lease(ask),
            C::Release { lease_id, amount } => Ok(self.decide_release(lease_id, amount)),
            C::EndLease { lease_id, end } => Ok(self.decide_end(lease_id, end)),
            C::Reconcile(reconciliation) => Ok(vec![AccountEvent::UsageReconciled(reconciliation)]),
        }
    }

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { account_id, owner, limit } => {
                self.owner = Some((*account_id, *owner));
                self.limit = *limit;
            }
            AccountEvent::Deposited { amount_nanos, .. } => {
                self.credit_nanos = self.credit_nanos.saturating_add(amount_nanos.get());
            }
            AccountEvent::Adjusted { adjustment: Adjustment::Credit, amount_nanos, .. } => {
                self.credit_nanos = self.credit_nanos.saturating_add(amount_nanos.get());
            }
            AccountEvent::Adjusted { amount_nanos, .. } => {
                self.debit_nanos = self.debit_nanos.saturating_add(amount_nanos.get());
            }
            AccountEvent::LimitChanged { limit } => self.limit = *limit,
            AccountEvent::Closed {} => self.status = AccountStatus::Closed,
            AccountEvent::Reopened {} => self.status = AccountStatus::Open,
            AccountEvent::QuotaLeased { lease_id, journal_id, amount_nanos, .. } => {
                self.open_lease(*lease_id, *journal_id, *amount_nanos);
            }
            AccountEvent::LeaseReleased { lease_id, freed_nanos } => {
                self.shrink_lease(*lease_id, *freed_nanos);
            }
            AccountEvent::LeaseClosed { lease_id, freed_nanos, .. } => {
                self.leases.remove(lease_id);
                self.pending_nanos = self.pending_nanos.saturating_sub(freed_nanos.get());
            }
            AccountEvent::QuotaDeducted(deduction) => self.evolve_charges(&deduction.charges),
            AccountEvent::UsageReconciled(reconciliation) => {
                self.evolve_corrections(&reconciliation.corrections);
            }
        }
    }
}
