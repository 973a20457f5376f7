//! A node over a real ledger.

mod anew;
mod crash;
mod denial;
mod disk;
mod durable;
mod extend;
mod full_disk;
mod inherit;
mod lend;
mod orphan;
mod random;
mod recalled;
mod told;
mod windows;

use std::sync::{Arc, atomic::Ordering};

use domain::{
    AccountId, Nanos, TimeStamp,
    account::{AttemptOutcome, Flag},
    price::Usage,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Node, NodeError, ReserveError};
use crate::fixtures::{Faulty, Ledger, Line, PAYER, asked, attempt, nanos, whole};

/// Reserves for call `n` of the payer.
async fn reserve(node: &Node, n: u128, amount: u64) -> Result<Nanos, ReserveError> {
    reserve_within(node, n, &[PAYER], amount, amount).await
}

async fn reserve_within(
    node: &Node,
    n: u128,
    accounts: &[AccountId],
    amount: u64,
    floor: u64,
) -> Result<Nanos, ReserveError> {
    node.reserve(asked(n, accounts), &[], nanos(amount), nanos(floor)).await
}

fn sent(node: &Node, n: u128) {
    drop(node.sent(whole(n), attempt(1, AttemptOutcome::Unknown)).unwrap());
}

fn answered(node: &Node, n: u128, amount: u64) {
    sent(node, n);
    node.attempt_ended(whole(n), 1, AttemptOutcome::Billed).unwrap();
    settle(node, n, amount, Vec::new()).unwrap();
}

fn settle(node: &Node, n: u128, amount: u64, flags: Vec<Flag>) -> Result<(), NodeError> {
    let usage = Usage { input_tokens: amount, ..Usage::default() };
    node.settle(whole(n), usage, nanos(amount), flags)
}

/// The process dies. What it was asking of the disk comes to its end first: until then it has the directory.
async fn die(ledger: &Ledger, node: Arc<Node>) {
    drop(node);
    let lock = std::fs::File::open(ledger.journal_dir().join("lock")).unwrap();
    while lock.try_lock().is_err() {
        tokio::task::yield_now().await;
    }
}

/// The amount and the flags of every charge.
async fn charges(ledger: &Ledger) -> Vec<(u64, Vec<Flag>)> {
    let amounts = ledger.charges().await.into_iter();
    amounts.map(|charge| (charge.amount_nanos.get(), charge.flags)).collect()
}

/// A node at work, until it is told to stop.
struct Running {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(node: &Arc<Node>) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(Arc::clone(node).run(stop.clone().cancelled_owned()));
        Self { stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_is_reserved_sent_settled_and_charged() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    assert_eq!(reserve(&node, 1, 60).await.unwrap(), nanos(60));
    assert_eq!((node.open_calls(), ledger.account(PAYER).await.pending_nanos), (1, 60));
    sent(&node, 1);
    answered(&node, 1, 25);
    assert_eq!(node.open_calls(), 0);
    assert!(node.lag() > 0);
    node.upload().await.unwrap();
    assert_eq!(node.lag(), 0);
    let charges = ledger.charges().await;
    assert_eq!(
        (charges.len(), charges[0].amount_nanos, charges[0].reserved_nanos),
        (1, nanos(25), nanos(60))
    );
    assert_eq!(charges[0].attempts, [attempt(1, AttemptOutcome::Billed)]);
    assert_eq!(charges[0].flags, []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_whose_only_attempt_was_unbilled_is_voided_and_costs_nothing() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    assert!(matches!(node.void(whole(1)), Err(NodeError::Step(_))), "it may have been billed");
    node.attempt_ended(whole(1), 1, AttemptOutcome::Unbilled).unwrap();
    node.void(whole(1)).unwrap();
    node.upload().await.unwrap();
    assert!(ledger.charges().await.is_empty());
    assert_eq!(reserve(&node, 2, 60).await.unwrap(), nanos(60), "what it held is room again");
}

#[tokio::test]
async fn a_call_ends_once() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    assert!(matches!(reserve(&node, 1, 10).await, Err(ReserveError::Node(NodeError::Step(_)))));
    answered(&node, 1, 25);
    assert!(settle(&node, 1, 25, Vec::new()).is_err());
    assert!(node.void(whole(1)).is_err());
    assert!(node.sent(whole(1), attempt(2, AttemptOutcome::Unknown)).is_err());
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 25);
}

#[tokio::test]
async fn an_ordered_stop_brings_everything_home_and_gives_every_lease_back() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let running = Running::start(&node);
    reserve(&node, 1, 40).await.unwrap();
    reserve(&node, 2, 40).await.unwrap();
    answered(&node, 1, 25);
    answered(&node, 2, 5);
    running.stop().await;
    assert_eq!(node.lag(), 0);
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos), (30, 0));
    assert!(payer.leases.is_empty());
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_is_written_is_uploaded_without_being_asked() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let running = Running::start(&node);
    reserve(&node, 1, 40).await.unwrap();
    answered(&node, 1, 25);
    let last = node.inner.lock().journal.seq();
    assert!(node.upload_until(last).await);
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 25);
    running.stop().await;
}

#[tokio::test]
async fn a_new_journal_file_refuses_no_call() {
    let ledger = Ledger::with(1_000_000).await;
    let node = ledger.node().await;
    for n in 0..200 {
        reserve(&node, n, 10).await.unwrap();
        answered(&node, n, 1);
    }
    node.upload().await.unwrap();
    let files = std::fs::read_dir(ledger.journal_dir()).unwrap().count();
    assert!(files > 5, "only {files} files");
    assert_eq!(ledger.charges().await.len(), 200);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_record_that_is_too_large_fails_its_own_call_only() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let mut facts = asked(1, &[PAYER]);
    facts.service_tier = Some("x".repeat(crate::PAYLOAD_BYTES_MAX));
    let refused = node.reserve(facts, &[], nanos(10), nanos(10)).await;
    assert!(matches!(refused, Err(ReserveError::Node(NodeError::Journal(_)))), "{refused:?}");
    assert_eq!(node.open_calls(), 0);
    reserve(&node, 2, 10).await.unwrap();
}

#[tokio::test]
async fn idle_quota_goes_home_by_itself() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 40).await.unwrap();
    answered(&node, 1, 25);
    node.tidy();
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 15, "not idle yet");
    ledger.clock.pass_ms(2_000);
    node.tidy();
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 75);
    ledger.is_sound().await;
}

#[tokio::test]
async fn idle_quota_is_kept_while_the_ledger_cannot_be_reached_and_goes_home_afterwards() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    reserve(&node, 1, 40).await.unwrap();
    answered(&node, 1, 25);
    port.set(Line::Down);
    node.upload_or_report().await;
    ledger.clock.pass_ms(2_000);
    node.tidy();
    reserve(&node, 2, 15).await.unwrap();
    answered(&node, 2, 5);
    port.set(Line::Good);
    node.upload_or_report().await;
    // Its calls were two seconds apart.
    ledger.clock.pass_ms(8_000);
    node.tidy();
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 70);
    ledger.is_sound().await;
}

#[tokio::test]
async fn idle_quota_of_a_node_with_nothing_to_bring_home_is_kept_as_well_until_the_ledger_has_answered() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    reserve(&node, 1, 40).await.unwrap();
    answered(&node, 1, 25);
    node.upload_or_report().await;
    port.set(Line::Down);
    ledger.clock.pass_ms(2_000);
    for _ in 0..3 {
        node.look_before_giving_back().await;
        node.tidy();
        assert_eq!(node.open_leases(), 1);
        node.upload_or_report().await;
        assert!(node.away.load(Ordering::Relaxed), "nobody has answered");
    }
    port.set(Line::Good);
    node.upload_or_report().await;
    node.look_before_giving_back().await;
    node.tidy();
    assert_eq!(node.open_leases(), 0);
    ledger.is_sound().await;
}
