//! Quota that jobs of the control node set aside.

use std::sync::Arc;

use domain::{
    AccountId, HoldId, JournalId,
    account::{AccountCommand, AccountRefusal, Flag, LeaseEnd, Limit, Scope, Settlement},
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{
    grant,
    ingest::{journal, settled, take},
    scope,
};
use crate::{
    Broken, HOLD_SCOPES_MAX, Hold, HoldEnd, HoldError, HoldScope,
    fixtures::{JOURNAL, LIMIT, Ledger, PAYER, call, facts, nanos, settlement},
};

const HOLD: HoldId = HoldId(Uuid::from_u128(0x40));

fn hold(accounts: &[AccountId], amount: u64) -> Hold {
    let scopes = accounts.iter().map(|id| HoldScope { account_id: *id, budget: None }).collect();
    Hold { hold_id: HOLD, scopes, amount: nanos(amount) }
}

/// Call `n`, with scopes that the hold knows better.
fn charge(n: u128, amount: u64) -> Settlement {
    Settlement { facts: facts(n, 1), ..settlement(amount) }
}

#[tokio::test]
async fn a_hold_is_pending_until_its_call_is_charged_and_the_rest_is_available_again() {
    let ledger = Ledger::with(100).await;
    ledger.open(LIMIT, Limit::Unlimited).await;
    let scopes = ledger.bank.hold(hold(&[PAYER, LIMIT], 60)).await.unwrap();
    let lease_id = Some(HOLD.lease_on(PAYER));
    assert_eq!(scopes, [Scope { account_id: PAYER, lease_id }, Scope { account_id: LIMIT, lease_id: None }]);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 60);
    ledger.is_sound().await;
    ledger.bank.settle_hold(HOLD, charge(1, 25)).await.unwrap();
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos, payer.available_nanos()), (25, 0, 75));
    assert_eq!(ledger.account(LIMIT).await.posted_nanos, 25);
    let charge = ledger.charges().await.remove(0);
    assert_eq!((charge.flags, charge.reserved_nanos), (vec![], nanos(60)));
    assert_eq!((charge.journal_id, charge.call_id), (JournalId::HOLDS, call(1)));
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once() {
    let ledger = Ledger::with(100).await;
    let bank = &ledger.bank;
    let scopes = bank.hold(hold(&[PAYER], 60)).await.unwrap();
    assert_eq!(bank.hold(hold(&[PAYER], 60)).await.unwrap(), scopes);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 60);
    bank.settle_hold(HOLD, charge(1, 25)).await.unwrap();
    bank.settle_hold(HOLD, charge(1, 25)).await.unwrap();
    assert_eq!(bank.hold(hold(&[PAYER], 60)).await.unwrap(), scopes, "it is not made anew");
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos), (25, 0));
    assert_eq!(ledger.charges().await.len(), 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_hold_ends_one_way_only() {
    let ledger = Ledger::with(100).await;
    let bank = &ledger.bank;
    bank.hold(hold(&[PAYER], 60)).await.unwrap();
    bank.void_hold(HOLD).await.unwrap();
    bank.void_hold(HOLD).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    let settled = bank.settle_hold(HOLD, charge(1, 25)).await;
    assert!(matches!(settled, Err(HoldError::Ended(HoldEnd::Voided))), "{settled:?}");
    let other = HoldId(Uuid::from_u128(0x41));
    bank.hold(Hold { hold_id: other, ..hold(&[PAYER], 60) }).await.unwrap();
    bank.settle_hold(other, charge(1, 25)).await.unwrap();
    let voided = bank.void_hold(other).await;
    assert!(matches!(voided, Err(HoldError::Ended(HoldEnd::Settled))), "{voided:?}");
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 25);
    ledger.is_sound().await;
}

#[tokio::test]
async fn rivals_for_the_end_of_a_hold_end_it_once() {
    let ledger = Ledger::with(100).await;
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    let (settled, voided) =
        tokio::join!(ledger.bank.settle_hold(HOLD, charge(1, 25)), ledger.bank.void_hold(HOLD));
    assert!(settled.is_ok() != voided.is_ok(), "{settled:?} {voided:?}");
    let posted = ledger.account(PAYER).await.posted_nanos;
    assert_eq!(posted, if settled.is_ok() { 25 } else { 0 });
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_that_has_ended_is_not_charged_to_a_hold_nor_the_other_way_round() {
    let ledger = Ledger::with(100).await;
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    take(&ledger, &journal(&[settled(1, 10)])).await.unwrap();
    let refused = ledger.bank.settle_hold(HOLD, charge(1, 25)).await;
    assert!(matches!(refused, Err(HoldError::CallEnded(id)) if id == call(1)), "{refused:?}");
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 60, "it is still held");
    ledger.bank.settle_hold(HOLD, charge(2, 25)).await.unwrap();
    take(&ledger, &journal(&[settled(1, 10), settled(2, 11)])).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 35);
    ledger.is_sound().await;
}

#[tokio::test]
async fn no_time_ends_a_hold_and_no_node_is_asked_for_it() {
    let mut ledger = Ledger::with(100).await;
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    let year_ms = 365 * 86_400_000;
    ledger.clock.live_ms(year_ms);
    ledger.clock.jump_ms(year_ms.cast_signed());
    assert_eq!(ledger.bank.tend_once(Arc::new(|_| false)).await.unwrap().reclaimed, 0);
    let (dir, clock) = (ledger.dir, ledger.clock);
    drop((ledger.bank, ledger.log));
    ledger = Ledger::at(dir, clock).await;
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 60, "nor does a restart");
    // The fixture's bank would wait a minute for whoever listens.
    let _listening = crate::LedgerPort::recalls(&ledger.bank, JOURNAL);
    assert!(grant(&ledger, [scope(PAYER, 1, 50)]).await.is_err());
    ledger.bank.settle_hold(HOLD, charge(1, 70)).await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, [Flag::Overshoot]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_hold_is_on_all_of_its_accounts_or_on_none_and_means_one_thing() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 10).await;
    let refused = ledger.bank.hold(hold(&[PAYER, LIMIT], 60)).await;
    let short = AccountRefusal::Insufficient { available_nanos: 10, needed_nanos: 60 };
    match refused {
        Err(HoldError::Refused { account_id: LIMIT, refusal }) => assert_eq!(refusal, short),
        other => panic!("{other:?}"),
    }
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    for other in [hold(&[PAYER], 61), hold(&[LIMIT], 60), hold(&[PAYER, LIMIT], 60)] {
        let refused = ledger.bank.hold(other).await;
        assert!(matches!(refused, Err(HoldError::Differs)), "{refused:?}");
    }
    for accounts in [&[][..], &[PAYER, PAYER], &[PAYER; HOLD_SCOPES_MAX + 1]] {
        let refused = ledger.bank.hold(hold(accounts, 1)).await;
        assert!(matches!(refused, Err(HoldError::Scopes)), "{refused:?}");
    }
    let unknown = ledger.bank.void_hold(HoldId(Uuid::from_u128(0x42))).await;
    assert!(matches!(unknown, Err(HoldError::Unknown)), "{unknown:?}");
    ledger.is_sound().await;
}

#[tokio::test]
async fn the_job_of_an_account_that_was_closed_meanwhile_stands_on_suspense() {
    let ledger = Ledger::with(100).await;
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
    ledger.bank.settle_hold(HOLD, charge(1, 25)).await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, [Flag::Suspense]);
    assert_eq!(ledger.account(AccountId::SUSPENSE).await.posted_nanos, 25);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_lease_that_no_open_hold_keeps_is_found() {
    for sql in ["UPDATE holds SET ended = 'voided'", "DELETE FROM holds"] {
        let ledger = Ledger::with(100).await;
        ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
        ledger.is_sound().await;
        let options = SqliteConnectOptions::new().filename(ledger.dir.path().join("ledger.db"));
        let mut intruder = SqliteConnection::connect_with(&options).await.unwrap();
        assert_eq!(sqlx::query(sql).execute(&mut intruder).await.unwrap().rows_affected(), 1, "{sql}");
        let broken = ledger.audit().await.broken;
        assert_eq!(broken, [Broken::Hold { lease_id: HOLD.lease_on(PAYER) }], "{sql}");
    }
}

#[tokio::test]
async fn an_open_hold_whose_lease_has_ended_is_found() {
    let ledger = Ledger::with(100).await;
    ledger.bank.hold(hold(&[PAYER], 60)).await.unwrap();
    let lease_id = HOLD.lease_on(PAYER);
    let end = AccountCommand::EndLease { lease_id, end: LeaseEnd::Reclaimed };
    ledger.decide(PAYER, end).await.unwrap();
    assert_eq!(ledger.audit().await.broken, [Broken::Hold { lease_id }]);
}
