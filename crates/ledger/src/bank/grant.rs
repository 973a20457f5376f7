//! Granting quota: on every account that a call needs, or on none.

use domain::{
    JournalId,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal, LeaseAsk},
};
use eventlog::{EventLog, ExecuteError, Fault, Metadata, Tx};

use super::{LEASE_MARGIN_MS, LEASE_TTL_MS};
use crate::{
    accounts,
    port::{Ask, GrantError, ScopeAsk},
    step::Grant,
};

/// A refusal, and which account's.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
struct Refused {
    scope: ScopeAsk,
    refusal: AccountRefusal,
}

/// How many nodes share what is available.
const NODES: u64 = 1;

pub(super) async fn grant(log: &EventLog, mut ask: Ask) -> Result<Vec<Grant>, GrantError> {
    // A fixed order, so that two grants never wait for each other.
    ask.scopes.sort_by_key(|scope| scope.account_id);
    let granted = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move {
            let mut grants = Vec::with_capacity(ask.scopes.len());
            for scope in ask.scopes {
                grants.push(grant_one(tx, ask.journal_id, scope).await?);
            }
            Ok(grants)
        })
    });
    match granted.await {
        Ok((grants, _)) => Ok(grants),
        Err(ExecuteError::Refused(Refused { scope, refusal })) => {
            Err(GrantError::Refused { account_id: scope.account_id, refusal })
        }
        Err(other) => Err(GrantError::Unavailable(other.to_string())),
    }
}

async fn grant_one(tx: &mut Tx, journal_id: JournalId, scope: ScopeAsk) -> Result<Grant, Fault<Refused>> {
    let ScopeAsk { account_id, lease_id, need, floor, rate } = scope;
    let ask = LeaseAsk { lease_id, journal_id, need, floor, rate, nodes: NODES, ttl_ms: LEASE_TTL_MS };
    let usable_ms = LEASE_TTL_MS - LEASE_MARGIN_MS;
    match accounts::decide::<AccountRefusal>(tx, account_id, AccountCommand::Lease(ask)).await {
        Ok(events) => {
            let amount = match events.first() {
                Some(AccountEvent::QuotaLeased { amount_nanos, .. }) => *amount_nanos,
                // Asked before: what was granted then.
                _ => held(tx, scope).await?,
            };
            Ok(Grant::Leased { account_id, lease_id, amount, usable_ms })
        }
        Err(Fault::Refused(AccountRefusal::Unlimited)) => Ok(Grant::Unlimited { account_id, usable_ms }),
        Err(Fault::Refused(refusal)) => Err(Fault::Refused(Refused { scope, refusal })),
        Err(Fault::Store(error)) => Err(Fault::Store(error)),
    }
}

async fn held(tx: &mut Tx, scope: ScopeAsk) -> Result<domain::Nanos, Fault<Refused>> {
    let ids = std::collections::BTreeSet::from([scope.account_id]);
    let found = accounts::load(tx.connection(), &ids).await?.remove(&scope.account_id);
    let account: Account = found.map(|row| row.account).unwrap_or_default();
    Ok(account.leases.get(&scope.lease_id).map(|lease| lease.amount).unwrap_or_default())
}
