//! Granting quota: on every account that a call needs, or on none.

use std::collections::BTreeSet;

use domain::{
    AccountId, JournalId,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal, LeaseAsk},
};
use eventlog::{EventLog, ExecuteError, Fault, Metadata, Tx};

use super::{Bank, LEASE_MARGIN_MS, windows};
use crate::{
    accounts::{self, past},
    port::{Ask, GrantError, ScopeAsk},
    step::Grant,
};

/// A refusal, and which account's.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub(super) struct Refused {
    pub(super) account_id: AccountId,
    pub(super) refusal: AccountRefusal,
    /// Whether other nodes hold enough of the account, should none of their calls need it.
    elsewhere: bool,
}

/// Where quota goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker {
    pub(super) journal_id: JournalId,
    pub(super) ttl_ms: u64,
    /// How many nodes share what is available.
    pub(super) nodes: u64,
}

/// Before a grant is refused, other nodes are asked for what they hold idle.
pub(super) async fn grant(bank: &Bank, mut ask: Ask) -> Result<Vec<Grant>, GrantError> {
    // A fixed order, so that two grants never wait for each other.
    ask.scopes.sort_by_key(|scope| scope.account_id);
    let taker = Taker { journal_id: ask.journal_id, ttl_ms: bank.lease_ttl_ms, nodes: bank.heard.nodes() };
    let mut freed = bank.recalls.watch();
    let patience = tokio::time::sleep(bank.recall_max);
    tokio::pin!(patience);
    let mut told = BTreeSet::new();
    loop {
        freed.mark_unchanged();
        // An attempt is never given up half-way: what it grants must not stay without an owner.
        let refused = match attempt(&bank.log, taker, ask.scopes.clone()).await {
            Ok(grants) => return Ok(grants),
            Err(ExecuteError::Refused(refused)) => refused,
            Err(other) => return Err(GrantError::Unavailable(other.to_string())),
        };
        let answer =
            || GrantError::Refused { account_id: refused.account_id, refusal: refused.refusal.clone() };
        let told_now = || bank.recalls.tell(refused.account_id, ask.journal_id);
        if !refused.elsewhere || (told.insert(refused.account_id) && !told_now()) {
            return Err(answer());
        }
        tokio::select! {
            () = &mut patience => return Err(answer()),
            _ = freed.changed() => {}
        }
    }
}

async fn attempt(
    log: &EventLog,
    taker: Taker,
    scopes: Vec<ScopeAsk>,
) -> Result<Vec<Grant>, ExecuteError<Refused>> {
    let granted = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            let mut grants = Vec::with_capacity(scopes.len());
            for scope in scopes {
                grants.push(grant_one(tx, taker, scope).await?);
            }
            Ok(grants)
        })
    });
    granted.await.map(|(grants, _)| grants)
}

pub(super) async fn grant_one(tx: &mut Tx, taker: Taker, scope: ScopeAsk) -> Result<Grant, Fault<Refused>> {
    let ScopeAsk { account_id, lease_id, need, floor, rate, budget } = scope;
    let Taker { journal_id, ttl_ms, nodes } = taker;
    let refuse = |refusal, elsewhere| Fault::Refused(Refused { account_id, refusal, elsewhere });
    let now = tx.now();
    match past::known(tx.connection(), lease_id).await? {
        None => {}
        // Asked before: what was granted then, for as long as is left of it.
        Some(past::Known::Open(lease))
            if (lease.account_id, lease.journal_id) == (account_id, journal_id) =>
        {
            let until = lease.granted_at.plus_ms(usable_ms(lease.ttl_ms, lease.ttl_ms));
            let left = u64::try_from(until.micros().saturating_sub(now.micros())).unwrap_or(0);
            let amount = held(tx, scope).await?;
            return Ok(Grant::Leased { account_id, lease_id, amount, usable_ms: left / 1_000 });
        }
        // It is somebody else's, or has ended: it is never granted anew.
        Some(past::Known::Open(_) | past::Known::Ended) => {
            return Err(refuse(AccountRefusal::LeaseUsed, false));
        }
    }
    if let Some(budget_id) = budget {
        windows::open(tx, budget_id, account_id).await.map_err(|fault| match fault {
            Fault::Refused(refusal) => refuse(refusal, false),
            Fault::Store(error) => Fault::Store(error),
        })?;
    }
    let ask = LeaseAsk { lease_id, journal_id, need, floor, rate, nodes, ttl_ms, now };
    match accounts::decide::<AccountRefusal>(tx, account_id, AccountCommand::Lease(ask)).await {
        Ok(events) => Ok(leased(scope, &events, ttl_ms)),
        Err(Fault::Refused(AccountRefusal::Unlimited)) => {
            Ok(Grant::Unlimited { account_id, usable_ms: usable_ms(ttl_ms, ttl_ms) })
        }
        Err(Fault::Refused(refusal @ AccountRefusal::Insufficient { .. })) => {
            let account = find(tx, account_id).await?;
            let lent = account.lent_beside(journal_id);
            let elsewhere = !lent.is_zero() && account.room().is_some_and(|room| room.plus(lent) >= floor);
            Err(refuse(refusal, elsewhere))
        }
        Err(Fault::Refused(refusal)) => Err(refuse(refusal, false)),
        Err(Fault::Store(error)) => Err(Fault::Store(error)),
    }
}

fn leased(scope: ScopeAsk, events: &[AccountEvent], most_ms: u64) -> Grant {
    let granted = events.iter().find_map(|event| match event {
        AccountEvent::QuotaLeased { amount_nanos, ttl_ms, .. } => Some((*amount_nanos, *ttl_ms)),
        _ => None,
    });
    let (amount, ttl_ms) = granted.unwrap_or_default();
    let ScopeAsk { account_id, lease_id, .. } = scope;
    Grant::Leased { account_id, lease_id, amount, usable_ms: usable_ms(ttl_ms, most_ms) }
}

/// A lease that its window ends needs no margin: the node counts from before it asked.
fn usable_ms(ttl_ms: u64, most_ms: u64) -> u64 {
    ttl_ms.min(most_ms.saturating_sub(LEASE_MARGIN_MS))
}

async fn held(tx: &mut Tx, scope: ScopeAsk) -> Result<domain::Nanos, Fault<Refused>> {
    let account = find(tx, scope.account_id).await?;
    Ok(account.leases.get(&scope.lease_id).map(|lease| lease.amount).unwrap_or_default())
}

async fn find(tx: &mut Tx, account_id: AccountId) -> Result<Account, eventlog::StoreError> {
    let found = accounts::load(tx.connection(), &BTreeSet::from([account_id])).await?.remove(&account_id);
    Ok(found.map(|row| row.account).unwrap_or_default())
}
