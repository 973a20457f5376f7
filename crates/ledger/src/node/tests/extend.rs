//! Calls that outgrow what was set aside for them, and calls that outlive their leases.

use domain::account::{AccountCommand, CallPart, Limit};

use super::*;
use crate::{
    Tenure,
    fixtures::{Faulty, LIMIT, Line, call, facts},
};

fn part(n: u128, part: u32) -> CallPart {
    CallPart { part, ..whole(n) }
}

/// Begins another part of call `n`.
async fn reserve_part(node: &Node, n: u128, part: u32, amount: u64) -> Result<Nanos, ReserveError> {
    let facts = domain::account::CallFacts { part, ..asked(n, &[PAYER]) };
    node.reserve(facts, &[], nanos(amount), nanos(amount)).await
}

async fn extend(node: &Node, n: u128, amount: u64, floor: u64) -> Result<Nanos, ReserveError> {
    node.extend(whole(n), nanos(amount), nanos(floor)).await
}

#[tokio::test]
async fn a_call_that_outgrows_its_reservation_is_charged_once_for_all_of_it() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 90).await;
    let node = ledger.node().await;
    assert_eq!(reserve_within(&node, 1, &[PAYER, LIMIT], 50, 50).await.unwrap(), nanos(50));
    sent(&node, 1);
    assert_eq!(extend(&node, 1, 30, 30).await.unwrap(), nanos(30));
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 80);
    answered(&node, 1, 70);
    node.upload().await.unwrap();
    let charges = ledger.charges().await;
    assert_eq!(
        (charges.len(), charges[0].amount_nanos, charges[0].reserved_nanos),
        (1, nanos(70), nanos(80))
    );
    assert_eq!((charges[0].flags.len(), charges[0].charges.len()), (0, 4), "two leases of two accounts");
    for account in [PAYER, LIMIT] {
        let account = ledger.account(account).await;
        assert_eq!((account.posted_nanos, account.pending_nanos), (70, 10));
    }
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_cannot_be_had_refuses_the_extension_and_leaves_what_was_set_aside() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    assert!(matches!(extend(&node, 1, 50, 50).await, Err(ReserveError::Insufficient(_))));
    assert_eq!(extend(&node, 1, 50, 10).await.unwrap(), nanos(40), "what there is");
    assert!(matches!(extend(&node, 1, 1, 1).await, Err(ReserveError::Insufficient(_))));
    answered(&node, 1, 100);
    node.upload().await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_on_an_account_that_is_closed_or_limited_meanwhile_settles_but_is_not_extended() {
    for (command, posted) in [(AccountCommand::Close, 0), (AccountCommand::ChangeLimit(Limit::Prepaid), 55)] {
        let ledger = Ledger::new().await;
        ledger.open(PAYER, Limit::Unlimited).await;
        let node = ledger.node().await;
        reserve(&node, 1, 60).await.unwrap();
        sent(&node, 1);
        assert_eq!(extend(&node, 1, 60, 60).await.unwrap(), nanos(60));
        ledger.decide(PAYER, command).await.unwrap();
        node.give_back(vec![PAYER]);
        assert!(matches!(extend(&node, 1, 60, 60).await, Err(ReserveError::Insufficient(_))));
        answered(&node, 1, 55);
        node.upload().await.unwrap();
        assert_eq!(ledger.account(PAYER).await.posted_nanos, posted, "or it stands on suspense");
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn an_extension_needs_a_journal_that_takes_it_and_a_call_that_is_open() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    assert!(matches!(extend(&node, 1, 10, 10).await, Err(ReserveError::Node(NodeError::Step(_)))));
    reserve(&node, 1, 60).await.unwrap();
    node.fail();
    assert!(matches!(extend(&node, 1, 10, 10).await, Err(ReserveError::Node(NodeError::Broken))));
}

#[tokio::test]
async fn while_the_ledger_is_away_a_call_is_extended_from_what_is_leased() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 0);
    reserve(&node, 2, 30).await.unwrap();
    sent(&node, 2);
    port.set(Line::Down);
    assert_eq!(extend(&node, 2, 20, 20).await.unwrap(), nanos(20));
    assert!(matches!(extend(&node, 2, 20, 20).await, Err(ReserveError::Ledger(_))));
    answered(&node, 2, 45);
    port.set(Line::Good);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 45);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_process_that_dies_leaves_an_extended_call_in_doubt_for_all_that_was_set_aside() {
    let ledger = Ledger::with(200).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    extend(&node, 1, 60, 60).await.unwrap();
    node.progress(whole(1), 90).unwrap();
    drop(node);
    ledger.node().await;
    let charges = ledger.charges().await;
    assert_eq!((charges[0].amount_nanos, charges[0].reserved_nanos), (nanos(100), nanos(120)));
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos, payer.leases.len()), (100, 0, 0));
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_that_outlives_its_lease_goes_on_in_parts_each_charged_once() {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    reserve(&node, 1, 100).await.unwrap();
    sent(&node, 1);
    assert_eq!(node.progress(whole(1), 5).unwrap(), Tenure::Good);
    for k in 1..=3 {
        ledger.clock.pass_ms(60_000);
        assert_eq!(node.progress(part(1, k - 1), 5).unwrap(), Tenure::Outlived);
        reserve_part(&node, 1, k, 100).await.unwrap();
        drop(node.sent(part(1, k), attempt(1, AttemptOutcome::Unknown)).unwrap());
        node.attempt_ended(part(1, k - 1), 1, AttemptOutcome::Billed).unwrap();
        let usage = Usage { input_tokens: 10, ..Usage::default() };
        node.settle(part(1, k - 1), usage, nanos(10), Vec::new()).unwrap();
        assert_eq!(node.progress(part(1, k), 1).unwrap(), Tenure::Good);
        node.tidy();
        node.upload().await.unwrap();
        assert_eq!(node.open_calls(), 1);
        assert_eq!(ledger.account(PAYER).await.leases.len(), 1, "the lease that was outlived went home");
    }
    assert!(node.settle(part(1, 1), Usage::default(), Nanos::ZERO, Vec::new()).is_err(), "it has ended");
    drop(node);
    ledger.node().await;
    let parts: Vec<_> = ledger.charges().await.iter().map(|charge| (charge.call_id, charge.part)).collect();
    assert_eq!(parts, [0, 1, 2, 3].map(|part| (call(1), part)));
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 30 + 11, "the last is in doubt");
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_wall_clock_that_jumps_changes_neither_leases_nor_the_order_of_what_is_charged() {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    let day = 86_400_000_000;
    for (n, amount, wall) in [(1, 40, day), (2, 30, -day), (3, 20, 1), (4, 10, 7 * day)] {
        ledger.clock.set_wall(TimeStamp::from_micros(wall));
        let mut facts = facts(n, 0);
        facts.scopes[0].lease_id = None;
        facts.started_at = TimeStamp::from_micros(wall);
        node.reserve(facts, &[], nanos(amount), nanos(amount)).await.unwrap();
        sent(&node, n);
        // Set back by an hour while the call is open.
        ledger.clock.set_wall(TimeStamp::from_micros(wall - 3_600_000_000));
        answered(&node, n, 10);
        node.tidy();
        node.upload().await.unwrap();
    }
    assert_eq!(node.inner.lock().state.open_leases(), 1, "one lease served all of them");
    let charges = ledger.charges().await;
    assert_eq!(charges.iter().map(|charge| charge.call_id).collect::<Vec<_>>(), [1, 2, 3, 4].map(call));
    assert!(charges.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(
        charges.iter().all(|charge| charge.ended_at == charge.started_at),
        "no call ends before it began"
    );
    ledger.is_sound().await;
}
