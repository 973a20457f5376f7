//! What is asked twice, and what is granted on several accounts at once.

use domain::{
    AccountId, JournalId,
    account::{AccountCommand, AccountEvent, AccountRefusal, Adjustment, Limit, Scope},
};
use uuid::Uuid;

use super::{
    super::{LEASE_MARGIN_MS, LEASE_TTL_MS},
    grant, granted,
    ingest::{close, journal, settled, take},
    refused, scope,
};
use crate::{
    Ask, LedgerPort,
    fixtures::{JOURNAL, LIMIT, Ledger, PAYER, nanos, settlement},
    record::Record,
    step::Grant,
};

const TEAM: AccountId = AccountId(Uuid::from_u128(5));
const USABLE_MS: u64 = LEASE_TTL_MS - LEASE_MARGIN_MS;

fn other(n: u128) -> JournalId {
    JournalId(Uuid::from_u128(0x30 + n))
}

async fn leased(ledger: &Ledger) -> usize {
    let leased = |(_, event): &&(AccountId, AccountEvent)| matches!(event, AccountEvent::QuotaLeased { .. });
    ledger.events().await.iter().filter(leased).count()
}

#[tokio::test]
async fn a_repeat_answers_what_is_left_of_the_first_grants_time() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let usable = async |ledger: &Ledger| match grant(ledger, [scope(PAYER, 1, 60)]).await.unwrap()[..] {
        [Grant::Leased { usable_ms, amount, .. }] => (usable_ms, amount.get()),
        ref other => panic!("{other:?}"),
    };
    ledger.clock.jump_ms(10_000);
    // The hand of the clock moves a microsecond a look.
    assert_eq!(usable(&ledger).await, (USABLE_MS - 10_001, 60));
    ledger.clock.jump_ms(100_000);
    assert_eq!(usable(&ledger).await, (0, 60));
    assert_eq!(leased(&ledger).await, 1);
}

#[tokio::test]
async fn a_repeat_after_the_lease_has_ended_grants_nothing() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    take(&ledger, &journal(&[close(PAYER, 1)])).await.unwrap();
    let answer = grant(&ledger, [scope(PAYER, 1, 60)]).await;
    assert_eq!(refused(answer), (PAYER, AccountRefusal::LeaseUsed));
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_grant_that_arrives_after_its_lease_was_given_back_unseen_grants_nothing() {
    let ledger = Ledger::with(100).await;
    take(&ledger, &journal(&[close(PAYER, 1)])).await.unwrap();
    let answer = grant(&ledger, [scope(PAYER, 1, 60)]).await;
    assert_eq!(refused(answer), (PAYER, AccountRefusal::LeaseUsed));
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn an_id_that_is_somebody_elses_lease_grants_nothing() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let theirs = ledger.bank.grant(Ask { journal_id: other(1), scopes: vec![scope(PAYER, 1, 10)] }).await;
    assert_eq!(refused(theirs), (PAYER, AccountRefusal::LeaseUsed));
    let elsewhere = grant(&ledger, [scope(LIMIT, 1, 10)]).await;
    assert_eq!(refused(elsewhere), (LIMIT, AccountRefusal::LeaseUsed));
    // Nor may one ask name it twice.
    let twice = grant(&ledger, [scope(PAYER, 2, 10), scope(LIMIT, 2, 10)]).await;
    assert_eq!(refused(twice), (LIMIT, AccountRefusal::LeaseUsed));
    assert_eq!(leased(&ledger).await, 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn of_three_accounts_the_last_poor_none_is_leased_and_none_is_left_out() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 100).await;
    ledger.prepaid(TEAM, 29).await;
    let asked = || [scope(TEAM, 3, 30), scope(PAYER, 1, 30), scope(LIMIT, 2, 30)];
    let short = AccountRefusal::Insufficient { available_nanos: 29, needed_nanos: 30 };
    assert_eq!(refused(grant(&ledger, asked()).await), (TEAM, short));
    assert_eq!(leased(&ledger).await, 0);
    let deposit = AccountCommand::Deposit { amount: nanos(1), reason: "test".into() };
    ledger.decide(TEAM, deposit).await.unwrap();
    // What was refused left nothing behind: the same ids are granted now, in the accounts' order.
    let grants = grant(&ledger, asked()).await.unwrap();
    let ids: Vec<_> = grants
        .iter()
        .map(|grant| match grant {
            Grant::Leased { account_id, .. } | Grant::Unlimited { account_id, .. } => *account_id,
        })
        .collect();
    assert_eq!(ids, [PAYER, LIMIT, TEAM]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn of_two_rivals_for_the_same_three_accounts_one_gets_all_and_the_other_nothing() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 100).await;
    ledger.prepaid(TEAM, 100).await;
    // Named in opposite orders: whoever locked in the order of naming could wait for the other.
    let first = grant(&ledger, [scope(PAYER, 1, 60), scope(LIMIT, 2, 60), scope(TEAM, 3, 60)]);
    let second = grant(&ledger, [scope(TEAM, 4, 60), scope(LIMIT, 5, 60), scope(PAYER, 6, 60)]);
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    for id in [PAYER, LIMIT, TEAM] {
        assert_eq!(ledger.account(id).await.pending_nanos, 60);
    }
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_ends_once_across_three_journals_and_a_restart() {
    let mut ledger = Ledger::with(100).await;
    let records = |amount| journal(&[settled(1, amount)]);
    ledger.bank.ingest(other(1), records(7)).await.unwrap();
    ledger.bank.ingest(other(2), records(8)).await.unwrap();
    let (dir, clock) = (ledger.dir, ledger.clock);
    drop((ledger.bank, ledger.log));
    ledger = Ledger::at(dir, clock).await;
    ledger.bank.ingest(other(3), records(9)).await.unwrap();
    let amounts: Vec<u64> = ledger.charges().await.iter().map(|charge| charge.amount_nanos.get()).collect();
    assert_eq!(amounts, [7]);
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 7);
    ledger.is_sound().await;
}

#[tokio::test]
async fn an_adjustment_stops_at_what_is_available_and_a_chargeback_does_not() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let adjust = |adjustment, amount| AccountCommand::Adjust {
        adjustment,
        amount: nanos(amount),
        reason: "test".into(),
    };
    // What a node holds is not available.
    let short = AccountRefusal::Insufficient { available_nanos: 40, needed_nanos: 41 };
    assert_eq!(ledger.decide(PAYER, adjust(Adjustment::Debit, 41)).await, Err(short));
    ledger.decide(PAYER, adjust(Adjustment::Debit, 40)).await.unwrap();
    ledger.decide(PAYER, adjust(Adjustment::Chargeback, 25)).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), -25);
    assert!(grant(&ledger, [scope(PAYER, 2, 1)]).await.is_err());
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_lease_of_an_account_that_is_closed_during_a_call_comes_home_and_the_call_stands_on_suspense() {
    let ledger = Ledger::with(100).await;
    ledger.open(LIMIT, Limit::Unlimited).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
    let mut both = settlement(25);
    both.facts.scopes.push(Scope { account_id: LIMIT, lease_id: None });
    let records = [Record::Settle(Box::new(both)), close(PAYER, 1)];
    take(&ledger, &journal(&records)).await.unwrap();
    let charge = ledger.charges().await.remove(0);
    assert_eq!(charge.charges[0].suspense_of, Some(PAYER));
    assert_eq!((charge.charges[1].account_id, charge.charges[1].suspense_of), (LIMIT, None));
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos), (0, 0));
    ledger.is_sound().await;
}
