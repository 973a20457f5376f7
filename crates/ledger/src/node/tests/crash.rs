//! A process that dies, at each step of a call.

use std::{fs, sync::Arc};

use super::{answered, charges, reserve, sent, settle};
use crate::{
    IngestError, LedgerPort, Node, NodeError, ReserveError,
    fixtures::{Faulty, JOURNAL, Ledger, Line, PAYER, asked, attempt, nanos, whole},
    journal::JournalError,
    record::Record,
};
use domain::account::{AttemptOutcome, Flag};

#[tokio::test]
async fn before_anything_was_sent_it_costs_nothing() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    drop(node);
    let node = ledger.node().await;
    assert_eq!(node.open_calls(), 0);
    assert_eq!(charges(&ledger).await, []);
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100, "and its lease is given back");
    ledger.is_sound().await;
}

#[tokio::test]
async fn under_another_boot_even_what_seems_unsent_is_in_doubt() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    drop(node);
    ledger.node_over(Arc::new(ledger.bank.clone()), "boot 2").await.unwrap();
    assert_eq!(charges(&ledger).await, [(10, vec![Flag::InDoubt, Flag::Counted])]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn after_it_was_sent_the_input_and_the_progress_are_charged_once() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    node.progress(whole(1), 7).unwrap();
    node.progress(whole(1), 15).unwrap();
    drop(node);
    // Ten tokens of input and fifteen of output, a nano each.
    let in_doubt = [(25, vec![Flag::InDoubt, Flag::Counted])];
    for _ in 0..3 {
        drop(ledger.node().await);
        assert_eq!(charges(&ledger).await, in_doubt);
    }
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos), (25, 0));
    let audit = ledger.audit().await;
    assert_eq!((audit.charges, audit.in_doubt), (1, 1));
    ledger.is_sound().await;
}

#[tokio::test]
async fn in_doubt_never_costs_more_than_was_reserved() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 20).await.unwrap();
    sent(&node, 1);
    node.progress(whole(1), 5_000).unwrap();
    drop(node);
    ledger.node().await;
    assert_eq!(charges(&ledger).await, [(20, vec![Flag::InDoubt, Flag::Counted])]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn between_two_attempts_of_which_the_first_was_unbilled_it_costs_nothing() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    node.attempt_ended(whole(1), 1, AttemptOutcome::Unbilled).unwrap();
    drop(node);
    ledger.node().await;
    assert_eq!(charges(&ledger).await, []);
}

#[tokio::test]
async fn after_it_was_settled_and_before_it_was_uploaded_it_is_charged_once() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    answered(&node, 1, 25);
    drop(node);
    assert_eq!(charges(&ledger).await, []);
    for _ in 0..2 {
        drop(ledger.node().await);
        assert_eq!(charges(&ledger).await, [(25, vec![])]);
    }
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 75);
    ledger.is_sound().await;
}

#[tokio::test]
async fn in_the_middle_of_an_upload_nothing_is_lost_or_doubled() {
    for line in [Line::Torn, Line::AckLost, Line::Down] {
        let ledger = Ledger::with(1_000).await;
        let port = Faulty::new(&ledger, Line::Good);
        let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
        for n in 0..10 {
            reserve(&node, n, 20).await.unwrap();
            sent(&node, n);
            answered(&node, n, 3);
        }
        port.set(line);
        node.upload().await.unwrap_err();
        // Where the ledger has it all and only the answer was lost, the next one has nothing to send.
        assert_eq!(node.upload().await.is_ok(), line == Line::AckLost);
        assert_eq!(node.lag() == 0, line == Line::AckLost);
        drop(node);
        port.set(Line::Good);
        ledger.node_over(port, "boot 1").await.unwrap();
        assert_eq!(charges(&ledger).await, vec![(3, vec![]); 10], "{line:?}");
        assert_eq!(ledger.account(PAYER).await.available_nanos(), 970);
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn a_line_that_comes_back_needs_no_restart() {
    let ledger = Ledger::with(1_000).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    for n in 0..10 {
        reserve(&node, n, 20).await.unwrap();
        answered(&node, n, 3);
        port.set(if n % 2 == 0 { Line::Torn } else { Line::AckLost });
        node.upload().await.unwrap_err();
        port.set(Line::Good);
    }
    node.upload().await.unwrap();
    assert_eq!(node.lag(), 0);
    assert_eq!(charges(&ledger).await, vec![(3, vec![]); 10]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn the_leases_of_the_dead_go_back_after_their_charges() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    reserve(&node, 2, 40).await.unwrap();
    answered(&node, 2, 40);
    drop(node);
    ledger.node().await;
    let flags: Vec<_> = charges(&ledger).await.into_iter().map(|(_, flags)| flags).collect();
    assert!(flags.iter().flatten().all(|flag| *flag != Flag::Late), "{flags:?}");
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), []);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_ledger_that_is_away_keeps_a_node_from_opening_and_costs_nothing() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    drop(node);
    let port = Faulty::new(&ledger, Line::Down);
    for _ in 0..3 {
        let Err(refused) = ledger.node_over(port.clone(), "boot 1").await else { panic!("it opened") };
        assert!(matches!(refused, NodeError::Ingest(IngestError::Unavailable(_))), "{refused}");
    }
    port.set(Line::Good);
    ledger.node_over(port, "boot 1").await.unwrap();
    assert_eq!(charges(&ledger).await, [(10, vec![Flag::InDoubt, Flag::Counted])]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn two_nodes_on_one_directory_are_refused() {
    let ledger = Ledger::with(100).await;
    let first = ledger.node().await;
    let port = Arc::new(ledger.bank.clone());
    let Err(refused) = ledger.node_over(port, "boot 1").await else { panic!("it opened") };
    assert!(matches!(refused, NodeError::Journal(JournalError::Locked(_))), "{refused}");
    drop(first);
    ledger.node().await;
}

#[tokio::test]
async fn a_call_that_outlives_its_journal_file_is_still_in_doubt_after_a_crash() {
    let ledger = Ledger::with(1_000_000).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    node.progress(whole(1), 15).unwrap();
    for n in 2..1_200 {
        reserve(&node, n, 20).await.unwrap();
        answered(&node, n, 3);
        if n % 100 == 0 {
            node.upload().await.unwrap();
            node.tidy();
        }
    }
    node.upload().await.unwrap();
    node.tidy();
    let begun = ledger.journal_dir().join(format!("{:020}.seg", 1));
    assert!(!begun.exists(), "what is kept grows with the call");
    reserve(&node, 1_200, 20).await.unwrap();
    drop(node);
    ledger.node().await;
    let charges = charges(&ledger).await;
    assert_eq!(charges.len(), 1_199, "the last one was never sent");
    assert_eq!(charges.last().unwrap(), &(25, vec![Flag::InDoubt, Flag::Counted]));
    ledger.is_sound().await;
}

#[tokio::test]
async fn whatever_was_reserved_can_be_settled() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node_of(1024 * 1024).await;
    let mut facts = asked(1, &[PAYER]);
    let fixed = Record::Reserve(Box::new(facts.clone())).encode().unwrap().len();
    // As long as a reservation can be for its record to fit, if only just.
    facts.service_tier = Some("x".repeat(crate::PAYLOAD_BYTES_MAX - fixed - 100));
    if node.reserve(facts, &[], nanos(10), nanos(10)).await.is_ok() {
        sent(&node, 1);
        answered(&node, 1, 5);
    }
    assert_eq!(node.open_calls(), 0);
    drop(node);
    ledger.node_of(1024 * 1024).await;
    ledger.is_sound().await;
}

/// Fills the journal's file up to its end, with a directory that is not there when the next one is needed.
async fn without_its_directory(ledger: &Ledger, node: &Node, work: impl AsyncFnOnce()) {
    let (here, away) = (ledger.journal_dir(), ledger.dir.path().join("away"));
    fs::rename(&here, &away).unwrap();
    while node.progress(whole(1), 15).is_ok() {}
    work().await;
    fs::rename(&away, &here).unwrap();
}

#[tokio::test]
async fn an_end_that_the_disk_did_not_take_is_written_when_it_does_again() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    without_its_directory(&ledger, &node, async || {
        node.attempt_ended(whole(1), 1, AttemptOutcome::Billed).unwrap_err();
        settle(&node, 1, 25, Vec::new()).unwrap_err();
        let refused = reserve(&node, 2, 10).await;
        assert!(matches!(refused, Err(ReserveError::Node(NodeError::Broken))), "{refused:?}");
    })
    .await;
    node.tidy();
    node.upload().await.unwrap();
    assert_eq!(charges(&ledger).await, [(25, vec![])]);
    assert_eq!(ledger.charges().await[0].attempts, [attempt(1, AttemptOutcome::Billed)]);
    drop(node);
    ledger.node().await;
    assert_eq!(charges(&ledger).await, [(25, vec![])]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn an_attempt_that_could_not_be_written_down_was_not_sent_and_keeps_no_call_open() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    without_its_directory(&ledger, &node, async || {
        node.sent(whole(1), attempt(1, AttemptOutcome::Unknown)).unwrap_err();
        let voided = node.void(whole(1));
        assert!(matches!(voided, Err(NodeError::Journal(_))), "{voided:?}");
        assert_eq!(node.open_calls(), 0);
    })
    .await;
    node.tidy();
    drop(node);
    ledger.node().await;
    assert_eq!(charges(&ledger).await, []);
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 100);
    ledger.is_sound().await;
}
