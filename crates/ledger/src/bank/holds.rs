//! Holds: quota that the control node sets aside for a job of its own, such as a batch or a background answer.
//!
//! To an account a hold is a lease like any other, only that no node spends it and no time ends it: it stays until its
//! job settles or voids it, once.

use std::collections::BTreeSet;

use domain::{
    AccountId, HoldId, JournalId, Nanos,
    account::{AccountCommand, AccountRefusal, LeaseEnd, Scope, Settlement, deduct},
};
use eventlog::{ExecuteError, Fault, Metadata, Tx};
use thiserror::Error;

use super::{
    Bank,
    grant::{Refused, Taker, grant_one},
    ingest,
};
pub use crate::accounts::holds::HoldEnd;
use crate::{
    accounts::{self, append_of, holds},
    mutant::{self, Mutant},
    port::ScopeAsk,
    record::CallPart,
    step::Grant,
};

/// The most accounts that one hold is on.
pub const HOLD_SCOPES_MAX: usize = 16;

/// What a job needs set aside: on every account that is named, or on none.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Chosen by the job; holding twice holds once.
    pub hold_id: HoldId,
    /// The accounts, the payer first.
    pub scopes: Vec<HoldScope>,
    /// How much, on each of them.
    pub amount: Nanos,
}

/// An account that a hold is on.
#[derive(Clone, Copy, Debug)]
pub struct HoldScope {
    /// Which.
    pub account_id: AccountId,
    /// The budget, where it is one of its windows.
    pub budget: Option<domain::BudgetId>,
}

/// Why a hold was not made or not ended.
#[derive(Debug, Error)]
pub enum HoldError {
    /// An account has too little, or takes no leases.
    #[error("{}: {refusal}", .account_id.prefixed())]
    Refused {
        /// Which account.
        account_id: AccountId,
        /// Why.
        refusal: AccountRefusal,
    },
    /// There is none of that id.
    #[error("there is no such hold")]
    Unknown,
    /// A hold of that id is on other accounts or of another amount.
    #[error("a hold of that id was made before, of something else")]
    Differs,
    /// It has ended, and otherwise than asked.
    #[error("the hold has ended: it was {0:?}")]
    Ended(HoldEnd),
    /// The call that should be charged has ended before.
    #[error("{} has ended before, without this hold", .0.prefixed())]
    CallEnded(domain::CallId),
    /// More accounts than a hold may be on, or none.
    #[error("a hold is on 1 to {HOLD_SCOPES_MAX} accounts, each of them once")]
    Scopes,
    /// The ledger failed; whether it was done shows when it is asked again.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

impl Bank {
    /// Sets quota aside, and says with which leases. Asked again it answers the same, also after its end.
    ///
    /// # Errors
    /// When an account has too little, or the id was used for something else.
    pub async fn hold(&self, hold: Hold) -> Result<Vec<Scope>, HoldError> {
        let distinct: BTreeSet<AccountId> = hold.scopes.iter().map(|scope| scope.account_id).collect();
        if hold.scopes.is_empty() || hold.scopes.len() > HOLD_SCOPES_MAX || distinct.len() < hold.scopes.len()
        {
            return Err(HoldError::Scopes);
        }
        let held = self.log.transact(Metadata::default(), |tx| Box::pin(set_aside(tx, hold)));
        held.await.map(|(scopes, _)| scopes).map_err(failed)
    }

    /// Ends a hold with the charge of its call. The hold says which accounts are charged, and what was set aside.
    ///
    /// # Errors
    /// When there is no such hold, it was voided, or the call has ended without it.
    pub async fn settle_hold(&self, hold_id: HoldId, settlement: Settlement) -> Result<(), HoldError> {
        self.end_hold(hold_id, Some(settlement)).await
    }

    /// Ends a hold whose job was provably billed nowhere.
    ///
    /// # Errors
    /// When there is no such hold, or it was settled.
    pub async fn void_hold(&self, hold_id: HoldId) -> Result<(), HoldError> {
        self.end_hold(hold_id, None).await
    }

    async fn end_hold(&self, hold_id: HoldId, charge: Option<Settlement>) -> Result<(), HoldError> {
        let ended = self.log.transact(Metadata::default(), move |tx| Box::pin(end(tx, hold_id, charge)));
        ended.await.map_err(failed)?;
        self.recalls.freed();
        Ok(())
    }
}

fn failed(error: ExecuteError<HoldError>) -> HoldError {
    match error {
        ExecuteError::Refused(refusal) => refusal,
        other => HoldError::Unavailable(other.to_string()),
    }
}

async fn set_aside(tx: &mut Tx, hold: Hold) -> Result<Vec<Scope>, Fault<HoldError>> {
    let Hold { hold_id, scopes, amount } = hold;
    if let Some(known) = holds::find(tx.connection(), hold_id).await? {
        let same = known.amount == amount
            && known.scopes.iter().map(|s| s.account_id).eq(scopes.iter().map(|s| s.account_id));
        return if same { Ok(known.scopes) } else { Err(Fault::Refused(HoldError::Differs)) };
    }
    let taker = Taker { journal_id: JournalId::HOLDS, ttl_ms: 0, nodes: 1 };
    let mut held = Vec::with_capacity(scopes.len());
    for HoldScope { account_id, budget } in scopes {
        let lease_id = hold_id.lease_on(account_id);
        let ask = ScopeAsk { account_id, lease_id, need: amount, floor: amount, rate: Nanos::ZERO, budget };
        let grant = grant_one(tx, taker, ask).await.map_err(|fault| match fault {
            Fault::Refused(Refused { account_id, refusal, .. }) => {
                Fault::Refused(HoldError::Refused { account_id, refusal })
            }
            Fault::Store(error) => Fault::Store(error),
        })?;
        let leased = matches!(grant, Grant::Leased { .. });
        held.push(Scope { account_id, lease_id: leased.then_some(lease_id) });
    }
    let row = holds::HoldRow { scopes: held, amount, ended: None };
    holds::insert(tx.connection(), hold_id, &row).await?;
    Ok(row.scopes)
}

async fn end(tx: &mut Tx, hold_id: HoldId, charge: Option<Settlement>) -> Result<(), Fault<HoldError>> {
    let found = holds::find(tx.connection(), hold_id).await?;
    let hold = found.ok_or(Fault::Refused(HoldError::Unknown))?;
    let how = if charge.is_some() { HoldEnd::Settled } else { HoldEnd::Voided };
    match hold.ended {
        Some(ended) if ended == how => return Ok(()),
        Some(ended) => return Err(Fault::Refused(HoldError::Ended(ended))),
        None => {}
    }
    if let Some(settlement) = charge {
        settle(tx, &hold, settlement).await?;
    }
    // After the charge: a lease that is closed before would make it late.
    for Scope { account_id, lease_id } in hold.scopes {
        let Some(lease_id) = lease_id.filter(|_| !mutant::is(Mutant::HoldKept)) else { continue };
        let give_back = AccountCommand::EndLease { lease_id, end: LeaseEnd::Returned };
        match accounts::decide::<AccountRefusal>(tx, account_id, give_back).await {
            Ok(_) => {}
            Err(Fault::Refused(refusal)) => {
                return Err(Fault::Refused(HoldError::Refused { account_id, refusal }));
            }
            Err(Fault::Store(error)) => return Err(Fault::Store(error)),
        }
    }
    Ok(holds::end(tx.connection(), hold_id, how).await?)
}

/// The call's one terminal event. No journal holds it: its number there is 0.
async fn settle(
    tx: &mut Tx,
    hold: &holds::HoldRow,
    mut settlement: Settlement,
) -> Result<(), Fault<HoldError>> {
    settlement.facts.scopes.clone_from(&hold.scopes);
    settlement.facts.reserved = hold.amount;
    settlement.facts.extensions.clear();
    let call = CallPart::of(&settlement.facts);
    if !ingest::ended(tx.connection(), &[call]).await?.is_empty() {
        return Err(Fault::Refused(HoldError::CallEnded(call.call_id)));
    }
    let ids = hold.scopes.iter().map(|scope| scope.account_id).chain([AccountId::SUSPENSE]).collect();
    let rows = accounts::load(tx.connection(), &ids).await?;
    let payer = hold.scopes.first().map_or(AccountId::SUSPENSE, |scope| scope.account_id);
    let is_open = rows.get(&payer).is_some_and(|row| row.account.is_open());
    let stream = if is_open { payer } else { AccountId::SUSPENSE };
    let event = deduct(settlement, JournalId::HOLDS, 0, |id| rows.get(&id).map(|row| &row.account));
    ingest::remember(tx.connection(), &[call]).await?;
    Ok(tx.append(vec![append_of(stream, &event)?]).await?)
}
