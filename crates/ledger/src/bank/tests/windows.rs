//! Budgets: accounts that are windows of time.

use domain::{
    AccountId, ApiTokenId, BudgetId, TimeStamp,
    account::{AccountEvent, AccountRefusal, Flag, Limit, Owner, Scope, Settlement},
    budget::{BudgetCommand, BudgetRefusal, Holder, Period, Window},
};
use eventlog::{ExecuteError, Metadata};
use uuid::Uuid;

use super::{
    super::LEASE_TTL_MS,
    grant,
    ingest::{journal, take},
    refused, scope,
};
use crate::{
    ScopeAsk, decide_budget,
    fixtures::{Ledger, facts, lease, nanos, settlement},
    record::Record,
    step::Grant,
};

const BUDGET: BudgetId = BudgetId(Uuid::from_u128(0xb));
const HOUR_MS: u64 = 3_600_000;

fn hour(n: u64) -> Window {
    Period::Hour.window(TimeStamp::default().plus_ms(n * HOUR_MS))
}

/// The account of the hour after the first `n`.
fn account(n: u64) -> AccountId {
    BUDGET.account_in(&hour(n))
}

fn of(hour: u64, n: u128, need: u64) -> ScopeAsk {
    ScopeAsk { budget: Some(BUDGET), ..scope(account(hour), n, need) }
}

async fn decide(ledger: &Ledger, command: BudgetCommand) -> Result<(), BudgetRefusal> {
    let decided = ledger.log.transact(Metadata::default(), move |tx| {
        Box::pin(async move { decide_budget::<BudgetRefusal>(tx, BUDGET, command).await })
    });
    match decided.await {
        Ok(_) => Ok(()),
        Err(ExecuteError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other}"),
    }
}

/// A ledger with a budget of so much an hour.
async fn with(limit: u64) -> Ledger {
    let ledger = Ledger::new().await;
    let holder = Holder::Token(ApiTokenId(Uuid::from_u128(0xd)));
    let open = BudgetCommand::Open { budget_id: BUDGET, holder, period: Period::Hour, limit: nanos(limit) };
    decide(&ledger, open).await.unwrap();
    ledger
}

#[tokio::test]
async fn a_window_is_opened_by_the_first_grant_and_holds_what_the_budget_says() {
    let ledger = with(100).await;
    assert_eq!(ledger.account(account(0)).await.owner, None);
    grant(&ledger, [of(0, 1, 60)]).await.unwrap();
    let opened = ledger.account(account(0)).await;
    assert_eq!(opened.owner, Some((account(0), Owner::Budget { budget_id: BUDGET, window: hour(0) })));
    assert_eq!((opened.limit, opened.pending_nanos), (Limit::CreditNanos(nanos(100)), 60));
    let short = AccountRefusal::Insufficient { available_nanos: -60, needed_nanos: 41 };
    assert_eq!(refused(grant(&ledger, [of(0, 2, 41)]).await), (account(0), short));
    let openings = |(_, event): &&(_, AccountEvent)| matches!(event, AccountEvent::Opened { .. });
    let count = ledger.events().await.iter().filter(openings).count();
    assert_eq!(count, 2, "suspense, and the window once");
    ledger.is_sound().await;
}

#[tokio::test]
async fn each_window_begins_anew_and_a_call_belongs_to_the_one_in_which_it_was_reserved() {
    let ledger = with(100).await;
    grant(&ledger, [of(0, 1, 100)]).await.unwrap();
    ledger.clock.jump_ms(HOUR_MS.cast_signed());
    grant(&ledger, [of(1, 2, 100)]).await.unwrap();
    let mut call = facts(1, 100);
    call.scopes = vec![Scope { account_id: account(0), lease_id: Some(lease(1)) }];
    let settle = Record::Settle(Box::new(Settlement { facts: call, ..settlement(70) }));
    take(&ledger, &journal(&[settle])).await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, [] as [Flag; 0]);
    assert_eq!(ledger.account(account(0)).await.posted_nanos, 70);
    assert_eq!(ledger.account(account(1)).await.posted_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn leases_end_with_their_window_and_none_is_granted_after_it() {
    let ledger = with(100).await;
    ledger.clock.jump_ms(HOUR_MS.cast_signed() - 7_001);
    let usable = |grants: &[Grant]| match grants {
        [Grant::Leased { usable_ms, .. }] => *usable_ms,
        other => panic!("{other:?}"),
    };
    // The hand moves a microsecond a look: a millisecond of the eighth is left over.
    assert_eq!(usable(&grant(&ledger, [of(0, 1, 10)]).await.unwrap()), 7_000);
    let ttl = ledger.events().await.into_iter().find_map(|(_, event)| match event {
        AccountEvent::QuotaLeased { ttl_ms, .. } => Some(ttl_ms),
        _ => None,
    });
    assert_eq!(ttl, Some(7_000));
    // A node whose clock is ahead has the next hour already.
    ledger.clock.jump_ms(3_000);
    grant(&ledger, [of(1, 2, 10)]).await.unwrap();
    ledger.clock.jump_ms(4_001);
    assert_eq!(refused(grant(&ledger, [of(0, 3, 10)]).await), (account(0), AccountRefusal::WindowOver));
    assert!(usable(&grant(&ledger, [of(1, 4, 10)]).await.unwrap()) < LEASE_TTL_MS);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_window_of_no_budget_of_another_hour_or_of_a_closed_one_is_refused() {
    let ledger = with(100).await;
    let before = ledger.events().await.len();
    let stranger = ScopeAsk { budget: Some(BudgetId(Uuid::from_u128(0xc))), ..scope(account(0), 1, 1) };
    assert_eq!(refused(grant(&ledger, [stranger]).await), (account(0), AccountRefusal::Unknown));
    assert_eq!(refused(grant(&ledger, [of(5, 1, 1)]).await), (account(5), AccountRefusal::Unknown));
    let unnamed = scope(account(0), 1, 1);
    assert_eq!(refused(grant(&ledger, [unnamed]).await), (account(0), AccountRefusal::Unknown));
    ledger.clock.jump_ms(HOUR_MS.cast_signed());
    assert_eq!(refused(grant(&ledger, [of(0, 1, 1)]).await), (account(0), AccountRefusal::WindowOver));
    decide(&ledger, BudgetCommand::Close).await.unwrap();
    assert_eq!(refused(grant(&ledger, [of(1, 1, 1)]).await), (account(1), AccountRefusal::Closed));
    assert_eq!(ledger.events().await.len(), before);
}

#[tokio::test]
async fn a_window_that_a_refused_grant_would_have_opened_stays_unopened() {
    let ledger = with(10).await;
    let short = AccountRefusal::Insufficient { available_nanos: 0, needed_nanos: 11 };
    assert_eq!(refused(grant(&ledger, [of(0, 1, 11)]).await), (account(0), short));
    assert_eq!(ledger.account(account(0)).await.owner, None);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_new_limit_holds_in_the_open_window_and_a_closed_budget_limits_nobody() {
    let ledger = with(100).await;
    grant(&ledger, [of(0, 1, 60)]).await.unwrap();
    decide(&ledger, BudgetCommand::ChangeLimit(nanos(70))).await.unwrap();
    let short = AccountRefusal::Insufficient { available_nanos: -60, needed_nanos: 11 };
    assert_eq!(refused(grant(&ledger, [of(0, 2, 11)]).await), (account(0), short));
    grant(&ledger, [of(0, 3, 10)]).await.unwrap();
    decide(&ledger, BudgetCommand::Close).await.unwrap();
    let unlimited = grant(&ledger, [of(0, 4, 1_000)]).await.unwrap();
    assert!(matches!(unlimited[..], [Grant::Unlimited { .. }]), "{unlimited:?}");
    let mut call = facts(1, 60);
    call.scopes = vec![Scope { account_id: account(0), lease_id: Some(lease(1)) }];
    let settle = Record::Settle(Box::new(Settlement { facts: call, ..settlement(60) }));
    take(&ledger, &journal(&[settle])).await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, [] as [Flag; 0]);
    assert_eq!(decide(&ledger, BudgetCommand::ChangeLimit(nanos(1))).await, Err(BudgetRefusal::Closed));
    ledger.is_sound().await;
}
