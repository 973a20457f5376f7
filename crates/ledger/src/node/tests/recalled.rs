//! What one node gets of the quota that another holds.

use std::{sync::Arc, time::Duration};

use domain::{JournalId, account::AccountRefusal};
use futures_util::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{answered, reserve};
use crate::{
    Ask, Bank, BankOptions, GrantError, LedgerPort, Node, ReserveError, ScopeAsk,
    fixtures::{JOURNAL, Ledger, PAYER, lease, nanos, whole},
};

const OTHER: JournalId = JournalId(Uuid::from_u128(33));

/// Two nodes on one ledger, both of which give back what the other needs.
async fn two(ledger: &Ledger) -> (Arc<Node>, Arc<Node>, JoinSet<()>) {
    let (ours, theirs) = (ledger.node().await, ledger.node_beside(OTHER).await);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&ours).answer_recalls());
    tasks.spawn(Arc::clone(&theirs).answer_recalls());
    // Both listen before anything is asked.
    tokio::task::yield_now().await;
    (ours, theirs, tasks)
}

fn ask(need: u64) -> Ask {
    let need = nanos(need);
    let scope =
        ScopeAsk { account_id: PAYER, lease_id: lease(7), need, floor: need, rate: nanos(0), budget: None };
    Ask { journal_id: OTHER, scopes: vec![scope] }
}

#[tokio::test]
async fn a_node_gets_what_another_does_not_need() {
    let ledger = Ledger::with(100).await;
    let (ours, theirs, _tasks) = two(&ledger).await;
    reserve(&ours, 1, 80).await.unwrap();
    ours.void(whole(1)).unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 20, "80 are held idle");
    assert_eq!(reserve(&theirs, 2, 60).await.unwrap(), nanos(60));
    answered(&theirs, 2, 60);
    theirs.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 60);
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_a_call_needs_stays_with_it_and_the_rest_is_given_back() {
    let ledger = Ledger::with(100).await;
    let (ours, theirs, _tasks) = two(&ledger).await;
    reserve(&ours, 1, 50).await.unwrap();
    reserve(&ours, 2, 30).await.unwrap();
    ours.void(whole(2)).unwrap();
    assert_eq!(reserve(&theirs, 3, 50).await.unwrap(), nanos(50));
    answered(&ours, 1, 50);
    ours.upload().await.unwrap();
    assert_eq!(ledger.charges().await[0].flags, [], "its lease was not taken from it");
    ledger.is_sound().await;
}

#[tokio::test]
async fn where_even_all_of_it_would_not_do_nobody_is_asked() {
    let ledger = Ledger::with(100).await;
    let ours = ledger.node().await;
    reserve(&ours, 1, 80).await.unwrap();
    let mut recalls = ledger.bank.recalls(JOURNAL);
    let refused = ledger.bank.grant(ask(101)).await;
    assert!(
        matches!(refused, Err(GrantError::Refused { refusal: AccountRefusal::Insufficient { .. }, .. })),
        "{refused:?}"
    );
    assert_eq!(recalls.next().now_or_never(), None);
}

#[tokio::test]
async fn whoever_asks_is_not_asked() {
    let ledger = Ledger::with(100).await;
    let ours = ledger.node().await;
    reserve(&ours, 1, 80).await.unwrap();
    let (mut mine, mut theirs) = (ledger.bank.recalls(OTHER), ledger.bank.recalls(JOURNAL));
    let asked = ledger.bank.grant(ask(60));
    let told = async {
        assert_eq!(theirs.next().await, Some(PAYER));
        assert_eq!(mine.next().now_or_never(), None);
        // It has come home by another way.
        ours.void(whole(1)).unwrap();
        ours.give_back(vec![PAYER]);
        ours.upload().await.unwrap();
    };
    let (granted, ()) = tokio::join!(asked, told);
    assert_eq!(granted.unwrap().len(), 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn patience_ends_with_the_refusal_that_there_was() {
    let ledger = Ledger::with(100).await;
    let ours = ledger.node().await;
    reserve(&ours, 1, 80).await.unwrap();
    let options = BankOptions { recall_max: Duration::ZERO, ..BankOptions::new(ledger.clock.clone()) };
    let bank = Bank::open(ledger.log.clone(), options).await.unwrap();
    // Somebody listens, and needs all that it has.
    let _listening = bank.recalls(JOURNAL);
    let short = AccountRefusal::Insufficient { available_nanos: 20, needed_nanos: 60 };
    match bank.grant(ask(60)).await {
        Err(GrantError::Refused { account_id: PAYER, refusal }) => assert_eq!(refusal, short),
        other => panic!("{other:?}"),
    }
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 80);
}

#[tokio::test]
async fn nodes_that_spend_share_what_is_available() {
    let ledger = Ledger::with(1_000).await;
    let sized = |journal_id, n, rate| {
        let scope = ScopeAsk {
            account_id: PAYER,
            lease_id: lease(n),
            need: nanos(10),
            floor: nanos(10),
            rate: nanos(rate),
            budget: None,
        };
        ledger.bank.grant(Ask { journal_id, scopes: vec![scope] })
    };
    sized(JOURNAL, 1, 5_000).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 500, "half for the only one");
    sized(OTHER, 2, 5_000).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 375, "a quarter for one of two");
    ledger.clock.live_ms(60_000);
    sized(OTHER, 3, 5_000).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 188, "half, when the other is silent");
}

#[tokio::test]
async fn two_nodes_that_want_all_of_it_in_turn_both_get_it() {
    let ledger = Ledger::with(100).await;
    let (ours, theirs, _tasks) = two(&ledger).await;
    for n in 0..10 {
        let node = if n % 2 == 0 { &ours } else { &theirs };
        let reserved = reserve(node, n, 90).await;
        assert!(!matches!(reserved, Err(ReserveError::Insufficient(_))), "{reserved:?}");
        answered(node, n, 1);
    }
    ours.upload().await.unwrap();
    theirs.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 10);
    ledger.is_sound().await;
}
