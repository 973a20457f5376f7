//! What becomes of leases whose node is not heard of any more.

use std::sync::Arc;

use domain::{
    JournalId,
    account::{AccountEvent, Flag, LeaseEnd, Settlement},
    price::Price,
};
use uuid::Uuid;

use super::{
    super::{Bank, BankOptions, GRACE_MS, LEASE_TTL_MS},
    grant, granted,
    ingest::{close, journal, settled, take},
    scope,
};
use crate::{
    LedgerPort,
    fixtures::{JOURNAL, Ledger, PAYER, facts, lease, nanos, settlement},
    record::Record,
};

/// Longer than a lease is left to a node that is not heard of.
const LONG_MS: u64 = LEASE_TTL_MS + GRACE_MS + 1;
const OTHER: JournalId = JournalId(Uuid::from_u128(33));

/// Looks for leases to take back while these journals are locked by this process; says how many were.
async fn tend(ledger: &Ledger, local: &[JournalId]) -> usize {
    let local = local.to_vec();
    ledger.bank.tend_once(Arc::new(move |id| local.contains(&id))).await.unwrap().reclaimed
}

/// Both clocks go on.
fn pass(ledger: &Ledger, ms: u64) {
    ledger.clock.live_ms(ms);
    ledger.clock.jump_ms(ms.cast_signed());
}

#[tokio::test]
async fn a_lease_is_taken_back_when_both_clocks_say_so_and_what_it_held_is_available_again() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS - 2);
    assert_eq!(tend(&ledger, &[]).await, 0, "its time and the grace are not over");
    pass(&ledger, 2);
    assert_eq!(tend(&ledger, &[]).await, 1);
    let ends: Vec<_> = ledger
        .events()
        .await
        .into_iter()
        .filter_map(|(_, event)| match event {
            AccountEvent::LeaseClosed { end, freed_nanos, .. } => Some((end, freed_nanos.get())),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(LeaseEnd::Reclaimed, 60)]);
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    assert_eq!(tend(&ledger, &[]).await, 0, "once");
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_clock_of_the_database_that_jumps_ahead_takes_nothing_back() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    ledger.clock.jump_ms(365 * 86_400_000);
    assert_eq!(tend(&ledger, &[]).await, 0);
    ledger.clock.live_ms(LONG_MS - 1);
    assert_eq!(tend(&ledger, &[]).await, 0);
    ledger.clock.live_ms(1);
    assert_eq!(tend(&ledger, &[]).await, 1, "by its own clock, too, nobody was heard of for that long");
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_clock_of_the_database_that_jumps_back_takes_nothing_back_before_it_is_there_again() {
    let ledger = Ledger::new().await;
    ledger.clock.jump_ms(86_400_000);
    ledger.prepaid(PAYER, 100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    ledger.clock.jump_ms(-86_400_000);
    ledger.clock.live_ms(2 * LONG_MS);
    assert_eq!(tend(&ledger, &[]).await, 0);
    ledger.clock.jump_ms(86_400_000 + LONG_MS.cast_signed());
    assert_eq!(tend(&ledger, &[]).await, 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn whoever_is_heard_of_keeps_what_it_holds() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    ledger.bank.cursor(JOURNAL).await.unwrap();
    assert_eq!(tend(&ledger, &[]).await, 0, "a question");
    pass(&ledger, LONG_MS - 1);
    take(&ledger, &journal(&[settled(1, 5)])).await.unwrap();
    pass(&ledger, LONG_MS - 1);
    assert_eq!(tend(&ledger, &[]).await, 0, "an upload");
    granted(&ledger, scope(PAYER, 2, 10)).await;
    pass(&ledger, LONG_MS - 1);
    assert_eq!(tend(&ledger, &[]).await, 0, "a grant");
    // That another journal is heard of helps nobody.
    ledger.bank.cursor(OTHER).await.unwrap();
    pass(&ledger, 1);
    assert_eq!(tend(&ledger, &[]).await, 2);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_ledger_that_was_just_started_has_heard_nothing_yet_and_takes_nothing_back() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    let started = Bank::open(ledger.log.clone(), BankOptions::new(ledger.clock.clone())).await.unwrap();
    let tended = started.tend_once(Arc::new(|_| false)).await.unwrap();
    assert_eq!(tended.reclaimed, 0);
    assert_eq!(tend(&ledger, &[]).await, 1, "the one that has run all the time knows better");
}

#[tokio::test]
async fn what_another_control_node_took_in_counts_as_heard_of() {
    let ledger = Ledger::with(100).await;
    let options = BankOptions::new(ledger.clock.clone());
    let other = Bank::open(ledger.log.clone(), options).await.unwrap();
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    take(&ledger, &journal(&[settled(1, 5)])).await.unwrap();
    assert_eq!(other.tend_once(Arc::new(|_| false)).await.unwrap().reclaimed, 0);
    pass(&ledger, LONG_MS);
    assert_eq!(other.tend_once(Arc::new(|_| false)).await.unwrap().reclaimed, 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_journal_that_this_process_has_locked_keeps_its_leases_for_ever() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, 1_000 * LONG_MS);
    assert_eq!(tend(&ledger, &[JOURNAL]).await, 0);
    assert_eq!(tend(&ledger, &[OTHER]).await, 1);
}

#[tokio::test]
async fn what_is_charged_after_its_lease_was_taken_back_is_late_and_may_overdraw_by_that_much() {
    let ledger = Ledger::with(60).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    assert_eq!(tend(&ledger, &[]).await, 1);
    // Somebody else spends it.
    granted(&ledger, scope(PAYER, 2, 60)).await;
    take(&ledger, &journal(&[settled(1, 25), close(PAYER, 1)])).await.unwrap();
    let charges = ledger.charges().await;
    assert_eq!(charges[0].flags, [Flag::Late]);
    assert!(charges[0].charges[0].late);
    assert_eq!(ledger.account(PAYER).await.available_nanos(), -25);
    // Overdrawn, it is granted nothing more.
    assert!(grant(&ledger, [scope(PAYER, 3, 1)]).await.is_err());
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_lease_that_was_taken_back_is_not_granted_again_under_its_id_until_it_is_forgotten() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    tend(&ledger, &[]).await;
    assert!(grant(&ledger, [scope(PAYER, 1, 60)]).await.is_err());
    pass(&ledger, 25 * 3_600_000);
    tend(&ledger, &[]).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), [(PAYER, lease(1))]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_late_charge_is_priced_as_it_was_reserved_and_the_audit_agrees() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    pass(&ledger, LONG_MS);
    assert_eq!(tend(&ledger, &[]).await, 1);
    let reserved = facts(1, 100);
    // It costs nothing from now on.
    ledger.price(2, &Price::default()).await;
    let settle = Record::Settle(Box::new(Settlement { facts: reserved.clone(), ..settlement(25) }));
    take(&ledger, &journal(&[settle])).await.unwrap();
    let charge = ledger.charges().await.remove(0);
    assert!(charge.charges[0].late);
    assert_eq!((charge.pinned, charge.amount_nanos), (reserved.pinned, nanos(25)));
    ledger.is_sound().await;
}
