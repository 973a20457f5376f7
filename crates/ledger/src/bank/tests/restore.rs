//! A ledger that was restored from a copy, and a node that lived on.

use domain::{
    CallId, Log, Nanos,
    account::{AttemptOutcome, Flag},
    price::Usage,
};

use crate::{
    LedgerPort, Node, NodeOptions,
    fixtures::{Ledger, PAYER, asked, attempt, nanos, whole},
};

/// One call from its reservation to its end.
async fn served(node: &Node, n: u128, amount: u64) {
    node.reserve(asked(n, &[PAYER]), &[], nanos(20), nanos(20)).await.unwrap();
    drop(node.sent(whole(n), attempt(1, AttemptOutcome::Unknown)).unwrap());
    node.attempt_ended(whole(n), 1, AttemptOutcome::Billed).unwrap();
    let usage = Usage { input_tokens: amount, ..Usage::default() };
    node.settle(whole(n), usage, nanos(amount), Vec::new()).unwrap();
    node.upload().await.unwrap();
}

/// What was charged for which call.
async fn bills(ledger: &Ledger) -> Vec<(CallId, Nanos)> {
    ledger.charges().await.into_iter().map(|charge| (charge.call_id, charge.amount_nanos)).collect()
}

#[tokio::test]
async fn a_restored_ledger_is_told_again_what_it_has_lost_and_ends_as_it_would_have() {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    for n in 0..5 {
        served(&node, n, 7).await;
    }
    let lease = ledger.account(PAYER).await.leases.len();
    assert!(lease > 0, "the copy holds leases, too");
    let at_copy = ledger.bank.cursor(node.journal_id()).await.unwrap();
    let backup = ledger.backup().await;
    // What comes now is lost to the copy: grants, charges, the ends of leases that it has.
    node.give_back(vec![PAYER]);
    for n in 5..10 {
        served(&node, n, 11).await;
    }
    node.reserve(asked(10, &[PAYER]), &[], nanos(20), nanos(20)).await.unwrap();
    let (expected, without) = (bills(&ledger).await, ledger.account(PAYER).await);
    drop(node);

    let restored = Ledger::at(backup, ledger.clock.clone()).await;
    assert_eq!(bills(&restored).await.len(), 5);
    let options = NodeOptions {
        segment_bytes: 16 * 1024,
        ..NodeOptions::new(ledger.journal_dir(), crate::fixtures::JOURNAL, "boot 1".into())
    };
    let standing = restored.bank.cursor(crate::fixtures::JOURNAL).await.unwrap();
    assert_eq!(standing, at_copy, "it says where it stands");
    assert_eq!(standing.log_id, restored.log.reader().log_id(Log::Ledger));
    let port = std::sync::Arc::new(restored.bank.clone());
    let node = Node::open(options, port, ledger.clock.clone()).await.unwrap();
    assert_eq!(bills(&restored).await, expected);
    let payer = restored.account(PAYER).await;
    assert_eq!((payer.credit_nanos, payer.posted_nanos), (without.credit_nanos, without.posted_nanos));
    assert_eq!((payer.pending_nanos, payer.leases.len()), (0, 0), "nothing stays with a node that is gone");
    // Charges on leases that this ledger never granted say so.
    assert!(restored.charges().await[5..].iter().all(|charge| charge.flags == [Flag::Late]));
    served(&node, 11, 3).await;
    restored.is_sound().await;
    ledger.is_sound().await;
}

#[tokio::test]
async fn records_that_a_restored_ledger_has_lost_are_taken_from_its_cursor_and_those_it_has_are_skipped() {
    use super::ingest::{journal, settled, take};
    let ledger = Ledger::with(100).await;
    let records = journal(&(0..6).map(|n| settled(n, 1)).collect::<Vec<_>>());
    take(&ledger, &records[..2]).await.unwrap();
    let backup = ledger.backup().await;
    take(&ledger, &records).await.unwrap();
    let restored = Ledger::at(backup, ledger.clock.clone()).await;
    take(&restored, &records).await.unwrap();
    assert_eq!(bills(&restored).await, bills(&ledger).await);
    assert_eq!(restored.account(PAYER).await, ledger.account(PAYER).await);
    assert_eq!(restored.folded().await, ledger.folded().await);
    restored.is_sound().await;
}
