//! What the ledger grants.

mod holds;
mod ingest;
mod reclaim;
mod repeats;
mod restore;
mod windows;

use domain::{
    AccountId,
    account::{AccountCommand, AccountEvent, AccountRefusal, Limit},
};
use uuid::Uuid;

use super::{LEASE_MARGIN_MS, LEASE_TTL_MS};
use crate::{
    Ask, GrantError, LedgerPort, ScopeAsk,
    fixtures::{JOURNAL, LIMIT, Ledger, PAYER, lease, nanos},
    step::Grant,
};

fn scope(account_id: AccountId, n: u128, need: u64) -> ScopeAsk {
    ScopeAsk {
        account_id,
        lease_id: lease(n),
        need: nanos(need),
        floor: nanos(need),
        rate: nanos(0),
        budget: None,
    }
}

async fn grant(
    ledger: &Ledger,
    scopes: impl IntoIterator<Item = ScopeAsk>,
) -> Result<Vec<Grant>, GrantError> {
    ledger.bank.grant(Ask { journal_id: JOURNAL, scopes: scopes.into_iter().collect() }).await
}

/// The one lease that is granted.
async fn granted(ledger: &Ledger, scope: ScopeAsk) -> u64 {
    match grant(ledger, [scope]).await.unwrap()[..] {
        [Grant::Leased { account_id, lease_id, amount, .. }] => {
            assert_eq!((account_id, lease_id), (scope.account_id, scope.lease_id));
            amount.get()
        }
        ref other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(answer: Result<Vec<Grant>, GrantError>) -> (AccountId, AccountRefusal) {
    match answer {
        Err(GrantError::Refused { account_id, refusal }) => (account_id, refusal),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_grant_names_every_account_and_says_how_long_it_may_be_spent() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 50).await;
    let grants = grant(&ledger, [scope(LIMIT, 2, 30), scope(PAYER, 1, 30)]).await.unwrap();
    let usable_ms = LEASE_TTL_MS - LEASE_MARGIN_MS;
    let leased =
        |account_id, n| Grant::Leased { account_id, lease_id: lease(n), amount: nanos(30), usable_ms };
    assert_eq!(grants, [leased(PAYER, 1), leased(LIMIT, 2)]);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 30);
    assert_eq!(ledger.account(LIMIT).await.pending_nanos, 30);
    ledger.is_sound().await;
}

#[tokio::test]
async fn where_one_account_has_too_little_none_is_leased() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 20).await;
    let before = ledger.events().await.len();
    let (account_id, refusal) = refused(grant(&ledger, [scope(PAYER, 1, 30), scope(LIMIT, 2, 30)]).await);
    assert_eq!(account_id, LIMIT);
    assert_eq!(refusal, AccountRefusal::Insufficient { available_nanos: 20, needed_nanos: 30 });
    assert_eq!(ledger.events().await.len(), before);
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn asking_twice_grants_once_and_answers_the_same() {
    let ledger = Ledger::with(100).await;
    assert_eq!(granted(&ledger, scope(PAYER, 1, 60)).await, 60);
    assert_eq!(granted(&ledger, scope(PAYER, 1, 60)).await, 60);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 60);
    let leased = |(_, event): &&(_, _)| matches!(event, AccountEvent::QuotaLeased { .. });
    assert_eq!(ledger.events().await.iter().filter(leased).count(), 1);
}

#[tokio::test]
async fn an_unlimited_account_takes_no_lease_beside_one_that_does() {
    let ledger = Ledger::with(100).await;
    ledger.open(LIMIT, Limit::Unlimited).await;
    let grants = grant(&ledger, [scope(PAYER, 1, 30), scope(LIMIT, 2, 30)]).await.unwrap();
    let usable_ms = LEASE_TTL_MS - LEASE_MARGIN_MS;
    assert_eq!(grants[1], Grant::Unlimited { account_id: LIMIT, usable_ms });
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), [(PAYER, lease(1))]);
    assert!(ledger.account(LIMIT).await.leases.is_empty());
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_grant_is_what_is_needed_or_what_is_spent_but_no_more_than_a_share() {
    let ledger = Ledger::with(1_000).await;
    let sized =
        |n, need, floor, rate| ScopeAsk { floor: nanos(floor), rate: nanos(rate), ..scope(PAYER, n, need) };
    assert_eq!(granted(&ledger, sized(1, 10, 10, 0)).await, 10, "the need");
    assert_eq!(granted(&ledger, sized(2, 10, 10, 90)).await, 90, "the rate");
    // 900 are left.
    assert_eq!(granted(&ledger, sized(3, 10, 10, 5_000)).await, 450, "the share");
    assert_eq!(granted(&ledger, sized(4, 400, 400, 5_000)).await, 400, "the need, beyond the share");
    // 50 are left.
    let short = AccountRefusal::Insufficient { available_nanos: 50, needed_nanos: 60 };
    assert_eq!(refused(grant(&ledger, [sized(5, 80, 60, 0)]).await), (PAYER, short));
    assert_eq!(granted(&ledger, sized(5, 80, 30, 0)).await, 50, "what there is");
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn unknown_and_closed_accounts_are_granted_nothing() {
    let ledger = Ledger::with(100).await;
    let nobody = AccountId(Uuid::from_u128(77));
    assert_eq!(refused(grant(&ledger, [scope(nobody, 1, 1)]).await), (nobody, AccountRefusal::Unknown));
    ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
    assert_eq!(refused(grant(&ledger, [scope(PAYER, 1, 1)]).await), (PAYER, AccountRefusal::Closed));
}

#[tokio::test]
async fn grants_at_the_same_time_never_exceed_what_there_is() {
    let ledger = Ledger::with(1_000).await;
    let asks = (0..40).map(|n| grant(&ledger, [scope(PAYER, n, 60)]));
    let answers = futures_util::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 16);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 960);
    ledger.is_sound().await;
}
