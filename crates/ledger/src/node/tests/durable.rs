//! What a power loss leaves of what was answered.

use std::{future::ready, sync::Arc, time::Duration};

use domain::account::{AttemptOutcome, Flag};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Running, answered, charges, die, reserve, sent};
use crate::{
    JournalSync, Node, NodeError, NodeOptions, ReserveError,
    fixtures::{Fails, Faulty, Held, Ledger, Line, PAYER, TestDisk, attempt, call, nanos, whole},
};

/// What has not come by then does not.
const NEVER: Duration = Duration::from_mins(1);

async fn node_on(ledger: &Ledger, disk: &Arc<TestDisk>, sync: JournalSync, boot_id: &str) -> Arc<Node> {
    let options = NodeOptions { sync, disk: disk.clone(), ..ledger.options(boot_id, 1024 * 1024) };
    ledger.open_node(options, Arc::new(ledger.bank.clone())).await.unwrap()
}

/// A ledger and a node for which only what is on the disk counts.
async fn group() -> (Ledger, Arc<TestDisk>, Arc<Node>) {
    let (ledger, disk) = (Ledger::with(10_000).await, TestDisk::new(true));
    let node = node_on(&ledger, &disk, JournalSync::Group, "boot 1").await;
    (ledger, disk, node)
}

async fn begun(held: &Held) {
    while held.begun.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reservation_is_answered_when_it_is_durable_and_not_before() {
    let (ledger, disk, node) = group().await;
    let held = disk.hold();
    let reserving = reserve(&node, 1, 60);
    tokio::pin!(reserving);
    tokio::select! {
        biased;
        answer = &mut reserving => panic!("before the disk: {answer:?}"),
        () = begun(&held) => {}
    }
    tokio::select! {
        biased;
        answer = &mut reserving => panic!("before the disk: {answer:?}"),
        () = ready(()) => {}
    }
    held.go.send(()).unwrap();
    assert_eq!(reserving.await.unwrap(), nanos(60));
    assert!(node.inner.lock().journal.is_durable());
    ledger.is_sound().await;
}

#[tokio::test]
async fn an_attempt_may_be_sent_when_it_is_durable_and_not_before() {
    let (_ledger, disk, node) = group().await;
    reserve(&node, 1, 60).await.unwrap();
    let held = disk.hold();
    let mut durable = node.sent(whole(1), attempt(1, AttemptOutcome::Unknown)).unwrap();
    tokio::select! {
        biased;
        answer = &mut durable => panic!("before the disk: {answer:?}"),
        () = begun(&held) => {}
    }
    held.go.send(()).unwrap();
    durable.await.unwrap();
    assert!(node.inner.lock().journal.is_durable());
}

#[tokio::test]
async fn where_only_the_process_counts_nothing_waits_for_the_disk() {
    let (ledger, disk) = (Ledger::with(10_000).await, TestDisk::new(true));
    let node = node_on(&ledger, &disk, JournalSync::Os, "boot 1").await;
    let syncs = disk.syncs();
    reserve(&node, 1, 60).await.unwrap();
    let durable = node.sent(whole(1), attempt(1, AttemptOutcome::Unknown)).unwrap();
    assert!(durable.into_wait().is_none());
    assert_eq!(disk.syncs(), syncs);
}

#[tokio::test]
async fn one_sync_does_for_all_that_wait() {
    let (ledger, disk, node) = group().await;
    let (syncs, held) = (disk.syncs(), disk.hold());
    let first = reserve(&node, 0, 60);
    tokio::pin!(first);
    tokio::select! {
        biased;
        answer = &mut first => panic!("before the disk: {answer:?}"),
        () = begun(&held) => {}
    }
    let rest = join_all((1..=100).map(|n| reserve(&node, n, 60)));
    tokio::pin!(rest);
    // All of them are written while the first sync is under way.
    let written = async {
        while node.open_calls() < 101 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = &mut rest => panic!("before the disk"),
        () = written => {}
    }
    tokio::select! {
        biased;
        _ = &mut rest => panic!("before the disk"),
        () = ready(()) => {}
    }
    held.go.send(()).unwrap();
    first.await.unwrap();
    assert!(rest.await.iter().all(Result::is_ok));
    assert_eq!(disk.syncs() - syncs, 2, "one for the first, one for the others");
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_was_answered_outlives_a_power_loss_if_that_was_asked_for() {
    for sync in [JournalSync::Group, JournalSync::Os] {
        let (ledger, disk) = (Ledger::with(10_000).await, TestDisk::new(true));
        let node = node_on(&ledger, &disk, sync, "boot 1").await;
        reserve(&node, 1, 60).await.unwrap();
        node.sent(whole(1), attempt(1, AttemptOutcome::Unknown)).unwrap().await.unwrap();
        die(&ledger, node).await;
        disk.lose_power(&ledger.journal_dir());
        drop(node_on(&ledger, &disk, sync, "boot 2").await);
        let in_doubt = (10, vec![Flag::InDoubt, Flag::Counted]);
        let expected = if sync == JournalSync::Group { vec![in_doubt] } else { vec![] };
        assert_eq!(charges(&ledger).await, expected, "{sync:?}");
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn a_disk_that_does_not_keep_a_reservation_or_an_attempt_refuses_it() {
    let (ledger, disk, node) = group().await;
    reserve(&node, 1, 60).await.unwrap();
    disk.set(Fails::Sync);
    let refused = node.sent(whole(1), attempt(1, AttemptOutcome::Unknown)).unwrap().await;
    assert!(matches!(refused, Err(NodeError::Broken)), "{refused:?}");
    node.attempt_ended(whole(1), 1, AttemptOutcome::Unbilled).unwrap();
    node.void(whole(1)).unwrap();
    let refused = reserve(&node, 2, 60).await;
    assert!(matches!(refused, Err(ReserveError::Node(NodeError::Broken))), "{refused:?}");
    assert_eq!(node.open_calls(), 0);
    disk.set(Fails::Nothing);
    node.upload().await.unwrap();
    assert_eq!(reserve(&node, 3, 60).await.unwrap(), nanos(60));
    sent(&node, 3);
    assert_eq!(charges(&ledger).await, []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_caller_that_leaves_before_it_is_durable_holds_nothing() {
    let (ledger, disk, node) = group().await;
    let held = disk.hold();
    {
        let reserving = reserve(&node, 1, 60);
        tokio::pin!(reserving);
        tokio::select! {
            biased;
            answer = &mut reserving => panic!("before the disk: {answer:?}"),
            () = begun(&held) => {}
        }
        assert_eq!(node.open_calls(), 1);
    }
    held.go.send(()).unwrap();
    assert_eq!(node.open_calls(), 0);
    reserve(&node, 2, 60).await.unwrap();
    die(&ledger, node).await;
    drop(node_on(&ledger, &disk, JournalSync::Group, "boot 2").await);
    let charged: Vec<_> = ledger.charges().await.iter().map(|charge| charge.call_id).collect();
    assert_eq!(charged, [call(2)], "which another boot finds in doubt");
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_is_written_is_durable_soon_however_long_the_ledger_takes() {
    let ledger = Ledger::with(1_000).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.open_node(ledger.options("boot 1", 1024 * 1024), port.clone()).await.unwrap();
    let running = Running::start(&node);
    for n in 1..=2 {
        reserve(&node, n, 20).await.unwrap();
    }
    sent(&node, 1);
    port.set(Line::Silent);
    answered(&node, 1, 11);
    let durable = async {
        // It has taken that in, and never says so.
        while charges(&ledger).await.is_empty() {
            tokio::task::yield_now().await;
        }
        sent(&node, 2);
        while !node.inner.lock().journal.is_durable() {
            tokio::task::yield_now().await;
        }
    };
    timeout(NEVER, durable).await.expect("it waits for the ledger");
    drop(running);
    ledger.is_sound().await;
}
