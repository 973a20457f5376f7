//! Calls on a disk that fails, or on which no more may stand.

use std::sync::Arc;

use domain::account::AttemptOutcome;

use super::{answered, charges, reserve, sent};
use crate::{
    Node, NodeError, NodeOptions, ReserveError,
    fixtures::{Fails, Faulty, Ledger, Line, TestDisk, nanos, whole},
    journal::JournalError,
};

async fn node_on(ledger: &Ledger, disk: &Arc<TestDisk>) -> Arc<Node> {
    let options = NodeOptions { disk: disk.clone(), ..ledger.options("boot 1", 16 * 1024) };
    ledger.open_node(options, Arc::new(ledger.bank.clone())).await.unwrap()
}

async fn is_refused(node: &Node, n: u128) {
    let refused = reserve(node, n, 20).await;
    assert!(matches!(refused, Err(ReserveError::Node(NodeError::Broken))), "{refused:?}");
}

#[tokio::test]
async fn a_failed_sync_ends_new_reservations_and_what_is_open_settles_into_the_next_file() {
    for mapped in [true, false] {
        let (ledger, disk) = (Ledger::with(1_000).await, TestDisk::new(mapped));
        let node = node_on(&ledger, &disk).await;
        for n in 1..=3 {
            reserve(&node, n, 20).await.unwrap();
            sent(&node, n);
        }
        answered(&node, 1, 11);
        disk.set(Fails::Sync);
        node.upload().await.unwrap_err();
        is_refused(&node, 4).await;
        answered(&node, 2, 12);
        assert_eq!(charges(&ledger).await, [], "what is not durable does not come home");
        disk.set(Fails::Nothing);
        node.upload().await.unwrap();
        reserve(&node, 4, 20).await.unwrap();
        answered(&node, 3, 13);
        answered(&node, 4, 14);
        node.upload().await.unwrap();
        let expected = [11, 12, 13, 14].map(|amount| (amount, vec![]));
        assert_eq!(charges(&ledger).await, expected);
        drop(node);
        disk.lose_power(&ledger.journal_dir());
        drop(node_on(&ledger, &disk).await);
        assert_eq!(charges(&ledger).await, expected);
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn a_failed_write_ends_new_reservations_and_the_ends_of_calls_wait_for_the_disk() {
    let (ledger, disk) = (Ledger::with(1_000).await, TestDisk::new(false));
    let node = node_on(&ledger, &disk).await;
    for n in 1..=3 {
        reserve(&node, n, 20).await.unwrap();
        sent(&node, n);
    }
    disk.set(Fails::Everything);
    for n in 1..=2 {
        // Its settlement says so; only what was not taken before is in the way.
        let ended = node.attempt_ended(whole(n), 1, AttemptOutcome::Billed);
        assert_eq!(ended.is_err(), n > 1);
        assert!(super::settle(&node, n, 10, Vec::new()).is_err());
    }
    is_refused(&node, 4).await;
    assert!(node.upload().await.is_err());
    disk.set(Fails::Nothing);
    node.upload().await.unwrap();
    node.upload().await.unwrap();
    answered(&node, 3, 10);
    reserve(&node, 4, 20).await.unwrap();
    node.upload().await.unwrap();
    assert_eq!(charges(&ledger).await, vec![(10, vec![]); 3]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn while_the_ledger_is_away_the_journal_grows_to_its_bound_and_open_calls_still_end() {
    let ledger = Ledger::with(100_000).await;
    let port = Faulty::new(&ledger, Line::Good);
    let bytes_max = 6 * 16 * 1024;
    let options = NodeOptions { journal_bytes_max: bytes_max, ..ledger.options("boot 1", 16 * 1024) };
    let node = ledger.open_node(options, port.clone()).await.unwrap();
    for n in 0..20 {
        reserve(&node, n, 20).await.unwrap();
        sent(&node, n);
    }
    reserve(&node, 20, 10_000).await.unwrap();
    answered(&node, 20, 0);
    port.set(Line::Down);
    let mut n = 20;
    let refused = loop {
        n += 1;
        match reserve(&node, n, 20).await {
            Ok(_) => answered(&node, n, 1),
            Err(refused) => break refused,
        }
        node.tidy();
    };
    let full = ReserveError::Node(NodeError::Journal(JournalError::Full { bytes_max }));
    assert_eq!(refused.to_string(), full.to_string());
    for n in 0..20 {
        answered(&node, n, 1);
    }
    port.set(Line::Good);
    node.upload().await.unwrap();
    node.tidy();
    assert_eq!(reserve(&node, n, 20).await.unwrap(), nanos(20));
    node.upload().await.unwrap();
    let charged = charges(&ledger).await.into_iter().filter(|(amount, _)| *amount == 1).count();
    assert_eq!(charged as u128, n - 1, "every call that was taken");
    ledger.is_sound().await;
}
