//! A node that begins while the ledger is away.

use std::sync::Arc;

use domain::account::Flag;

use super::{answered, charges, reserve, sent};
use crate::{
    LedgerPort, Node, NodeError, ReserveError, Unheard,
    fixtures::{Faulty, JOURNAL, Ledger, Line, PAYER},
};

async fn begun(ledger: &Ledger, port: &Arc<Faulty>) -> Result<Arc<Node>, NodeError> {
    begun_under("boot 1", ledger, port).await
}

async fn begun_under(boot_id: &str, ledger: &Ledger, port: &Arc<Faulty>) -> Result<Arc<Node>, NodeError> {
    let mut options = ledger.options(boot_id, 16 * 1024);
    options.unheard = Unheard::GoesOn;
    ledger.open_node(options, port.clone()).await
}

/// A process died in the middle of a call; another begins while the ledger is away.
async fn begun_anew() -> (Ledger, Arc<Faulty>, Arc<Node>) {
    begun_anew_under("boot 1").await
}

async fn begun_anew_under(boot_id: &str) -> (Ledger, Arc<Faulty>, Arc<Node>) {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = begun(&ledger, &port).await.unwrap();
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    drop(node);
    port.set(Line::Down);
    let node = begun_under(boot_id, &ledger, &port).await.unwrap();
    (ledger, port, node)
}

#[tokio::test]
async fn what_a_dead_process_left_comes_home_when_the_ledger_answers() {
    let (ledger, port, node) = begun_anew().await;
    assert_eq!((node.open_calls(), charges(&ledger).await), (0, vec![]));
    assert_ne!(ledger.account(PAYER).await.pending_nanos, 0, "the old lease is still held");

    port.set(Line::Good);
    node.upload_or_report().await;
    assert_eq!(charges(&ledger).await, [(10, vec![Flag::InDoubt, Flag::Counted])]);
    ledger.clock.pass_ms(2_000);
    node.tidy();
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_a_dead_process_was_granted_is_spent_by_the_next_while_the_ledger_is_away_and_no_more() {
    let (ledger, port, node) = begun_anew().await;
    // 60 were granted, and 10 of them are charged for the call that is in doubt.
    let refused = reserve(&node, 2, 51).await;
    assert!(matches!(refused, Err(ReserveError::Ledger(_))), "{refused:?}");
    reserve(&node, 2, 50).await.unwrap();
    answered(&node, 2, 30);
    drop(node);
    let node = begun(&ledger, &port).await.unwrap();
    assert!(reserve(&node, 3, 21).await.is_err(), "the process before has spent 30 of them");
    reserve(&node, 3, 20).await.unwrap();
    answered(&node, 3, 20);
    port.set(Line::Good);
    node.upload_or_report().await;
    let amounts: Vec<_> = charges(&ledger).await.into_iter().map(|(amount, _)| amount).collect();
    assert_eq!((amounts, ledger.account(PAYER).await.available_nanos()), (vec![10, 30, 20], 40));
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_was_granted_under_another_boot_or_for_a_time_that_is_over_is_not_spent() {
    let (_ledger, _port, node) = begun_anew_under("boot 2").await;
    assert!(reserve(&node, 2, 1).await.is_err(), "another boot's clock says nothing");

    let (ledger, port, node) = begun_anew().await;
    drop(node);
    ledger.clock.pass_ms(60_000);
    let node = begun(&ledger, &port).await.unwrap();
    assert!(reserve(&node, 2, 1).await.is_err(), "its time is over");
}

#[tokio::test]
async fn an_ordered_end_leaves_what_cannot_go_home_to_the_next_process() {
    for (line, can_reserve) in [(Line::Down, true), (Line::Good, false)] {
        let ledger = Ledger::with(100).await;
        let port = Faulty::new(&ledger, Line::Good);
        let node = begun(&ledger, &port).await.unwrap();
        reserve(&node, 1, 40).await.unwrap();
        answered(&node, 1, 10);
        port.set(line);
        node.leave().await;
        drop(node);
        port.set(Line::Down);
        let node = begun(&ledger, &port).await.unwrap();
        assert_eq!(reserve(&node, 2, 30).await.is_ok(), can_reserve);
    }
}

#[tokio::test]
async fn the_first_call_gives_the_old_leases_back_before_it_asks_for_new_ones() {
    let (ledger, port, node) = begun_anew_under("boot 2").await;
    port.set(Line::Good);
    // All that is left: it is only there once the old lease has gone home.
    reserve(&node, 2, 90).await.unwrap();
    answered(&node, 2, 90);
    node.upload().await.unwrap();
    let held = ledger.bank.open_leases(JOURNAL).await.unwrap();
    assert!(held.len() <= 1, "{held:?}");
    let flags: Vec<_> = charges(&ledger).await.into_iter().map(|(_, flags)| flags).collect();
    assert!(flags.iter().flatten().all(|flag| *flag != Flag::Late), "{flags:?}");
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_new_journal_begins_without_a_ledger_too_and_every_start_without_one_is_like_the_first() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Down);
    for _ in 0..3 {
        drop(begun(&ledger, &port).await.unwrap());
    }
    port.set(Line::Good);
    let node = begun(&ledger, &port).await.unwrap();
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 20);
    node.upload().await.unwrap();
    assert_eq!(charges(&ledger).await, [(20, vec![])]);
    ledger.is_sound().await;
}
