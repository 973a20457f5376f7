//! What calls get of what there is.

use std::sync::Arc;

use domain::account::{AccountCommand, Limit};
use futures_util::future::join_all;

use super::{Running, answered, reserve, reserve_within, sent};
use crate::{
    LedgerPort, ReserveError,
    fixtures::{Faulty, JOURNAL, LIMIT, Ledger, Line, PAYER, nanos},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_calls_at_once_against_quota_for_one_admit_exactly_one() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let node = Arc::clone(&node);
        calls.spawn(async move { reserve(&node, n, 100).await });
    }
    let answers = calls.join_all().await;
    let admitted = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(|a| matches!(a, Err(ReserveError::Insufficient(_)))).count();
    assert_eq!((admitted, refused), (1, 199));
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 100);
    ledger.is_sound().await;
}

#[tokio::test]
async fn calls_at_once_share_what_there_is_to_the_last_nano() {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    let running = Running::start(&node);
    let answers = join_all((0..60).map(|n| reserve(&node, n, 25))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 40);
    running.stop().await;
    ledger.is_sound().await;
}

#[tokio::test]
async fn every_account_of_a_call_is_reserved_and_charged() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 50).await;
    let node = ledger.node().await;
    let both = [PAYER, LIMIT];
    let refused = reserve_within(&node, 1, &both, 60, 60).await;
    assert!(matches!(refused, Err(ReserveError::Insufficient(_))), "{refused:?}");
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    reserve_within(&node, 2, &both, 50, 50).await.unwrap();
    answered(&node, 2, 20);
    node.upload().await.unwrap();
    for id in both {
        let account = ledger.account(id).await;
        assert_eq!((account.posted_nanos, account.pending_nanos), (20, 30));
    }
    ledger.is_sound().await;
}

#[tokio::test]
async fn an_unlimited_account_is_charged_without_a_lease() {
    let ledger = Ledger::new().await;
    ledger.open(PAYER, Limit::Unlimited).await;
    let node = ledger.node().await;
    reserve(&node, 1, 1_000_000).await.unwrap();
    answered(&node, 1, 25);
    node.upload().await.unwrap();
    assert_eq!(ledger.charges().await[0].charges[0].lease_id, None);
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 25);
    ledger.is_sound().await;
}

#[tokio::test]
async fn less_than_asked_is_only_taken_when_the_ledger_has_no_more() {
    let ledger = Ledger::with(150).await;
    let node = ledger.node().await;
    assert_eq!(reserve_within(&node, 1, &[PAYER], 100, 30).await.unwrap(), nanos(100));
    assert_eq!(reserve_within(&node, 2, &[PAYER], 100, 30).await.unwrap(), nanos(50));
    let refused = reserve_within(&node, 3, &[PAYER], 100, 30).await;
    assert!(matches!(refused, Err(ReserveError::Insufficient(_))), "{refused:?}");
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_lease_at_hand_that_covers_only_a_part_is_no_reason_to_take_less() {
    let ledger = Ledger::with(200).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 0);
    // 60 are at hand, and idle; 140 are at the ledger.
    assert_eq!(reserve_within(&node, 2, &[PAYER], 100, 30).await.unwrap(), nanos(100));
}

#[tokio::test]
async fn idle_quota_is_recalled_before_a_call_is_refused_or_given_less() {
    for floor in [100, 30] {
        let ledger = Ledger::with(100).await;
        let node = ledger.node().await;
        let running = Running::start(&node);
        reserve(&node, 1, 60).await.unwrap();
        answered(&node, 1, 0);
        let reserved = reserve_within(&node, 2, &[PAYER], 100, floor).await.unwrap();
        assert_eq!(reserved, nanos(100), "with a floor of {floor}");
        running.stop().await;
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn a_recall_leaves_alone_what_a_call_holds() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let running = Running::start(&node);
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    let refused = reserve(&node, 2, 100).await;
    assert!(matches!(refused, Err(ReserveError::Insufficient(_))), "{refused:?}");
    assert_eq!(reserve(&node, 3, 40).await.unwrap(), nanos(40));
    answered(&node, 1, 60);
    running.stop().await;
    assert_eq!(ledger.charges().await[0].flags, []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_closed_account_is_granted_nothing_more_but_its_calls_end() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
    assert!(matches!(reserve(&node, 2, 60).await, Err(ReserveError::Insufficient(_))));
    answered(&node, 1, 25);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 0, "it stands on suspense");
    ledger.is_sound().await;
}

#[tokio::test]
async fn while_the_ledger_is_away_calls_with_leases_go_on_and_others_hear_so() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 10);
    port.set(Line::Down);
    assert_eq!(reserve(&node, 2, 50).await.unwrap(), nanos(50), "what is leased can be spent");
    let refused = reserve(&node, 3, 50).await;
    assert!(matches!(refused, Err(ReserveError::Ledger(_))), "{refused:?}");
    assert!(node.upload().await.is_err());
    answered(&node, 2, 20);
    assert_eq!(reserve_within(&node, 4, &[PAYER], 100, 20).await.unwrap(), nanos(30), "the last resort");
    port.set(Line::Good);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 30);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_goes_home() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    port.set(Line::AckLost);
    let refused = reserve(&node, 1, 60).await;
    assert!(matches!(refused, Err(ReserveError::Ledger(_))), "{refused:?}");
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap().len(), 1);
    port.set(Line::Good);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_grant_whose_caller_has_left_goes_home() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    port.set(Line::Silent);
    let mut leases = Vec::new();
    {
        let waiting = reserve(&node, 1, 60);
        tokio::pin!(waiting);
        // The ledger has granted; the answer is on its way for ever.
        while leases.is_empty() {
            tokio::select! {
                biased;
                answer = &mut waiting => panic!("{answer:?}"),
                open = ledger.bank.open_leases(JOURNAL) => leases = open.unwrap(),
            }
        }
    }
    port.set(Line::Good);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    assert_eq!(reserve(&node, 2, 100).await.unwrap(), nanos(100));
    ledger.is_sound().await;
}
