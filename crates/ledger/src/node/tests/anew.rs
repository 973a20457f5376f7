//! A journal and a ledger that do not agree: one of them was put back to an earlier state, or there are two of them.

use std::{fs, path::Path, sync::Arc, time::Duration};

use domain::{AccountId, JournalId, LeaseId, TimeStamp, account::Flag};
use futures_util::{future::BoxFuture, stream::BoxStream};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::{answered, charges, reserve, sent};
use crate::{
    Ask, Bank, Cursor, GrantError, IngestError, LedgerPort, News, NewsError, Node, NodeError, NodeOptions,
    Standing,
    fixtures::{Fails, Faulty, JOURNAL, Ledger, Line, PAYER, TestDisk, nanos, whole},
    journal::{Framed, JournalError},
    record::Record,
    step::Grant,
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A disk that is put back to where it was, while the ledger has taken in what came after: `missing` calls of it.
pub(super) async fn rolled_back(missing: u128) -> Ledger {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    reserve(&node, 1, 20).await.unwrap();
    answered(&node, 1, 3);
    node.upload().await.unwrap();
    drop(node);
    let kept = TempDir::new().unwrap();
    copy(&ledger.journal_dir(), kept.path());
    let node = ledger.node().await;
    for n in 0..missing {
        reserve(&node, 2 + n, 20).await.unwrap();
        answered(&node, 2 + n, 3);
    }
    node.upload().await.unwrap();
    drop(node);
    fs::remove_dir_all(ledger.journal_dir()).unwrap();
    copy(kept.path(), &ledger.journal_dir());
    ledger
}

#[tokio::test]
async fn a_disk_that_was_put_back_begins_a_new_journal_however_little_it_lacks() {
    for missing in [0, 1, 2, 20] {
        let ledger = rolled_back(missing).await;
        let node = ledger.node().await;
        assert_ne!(node.journal_id(), JOURNAL);
        assert_eq!(charges(&ledger).await, vec![(3, vec![]); 1 + usize::try_from(missing).unwrap()]);
        reserve(&node, 100, 20).await.unwrap();
        answered(&node, 100, 4);
        node.upload().await.unwrap();
        assert_eq!(charges(&ledger).await.last(), Some(&(4, vec![])));
        assert_eq!(node.lag(), 0);
        let anew = node.journal_id();
        drop(node);
        assert_eq!(ledger.node().await.journal_id(), anew, "and goes on with it");
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn the_files_of_a_journal_that_was_put_back_are_kept_as_they_were() {
    let ledger = rolled_back(3).await;
    let segment = |dir: &Path| fs::read(dir.join(format!("{:020}.seg", 1))).unwrap();
    let before = segment(&ledger.journal_dir());
    drop(ledger.node().await);
    assert_eq!(segment(&ledger.journal_dir().join(format!("forked-{JOURNAL}"))), before);
}

/// Somebody with a copy of the journal is faster.
async fn overtake(ledger: &Ledger) {
    let Standing { cursor, .. } = ledger.bank.cursor(JOURNAL).await.unwrap();
    let payload = Record::Void { call: whole(999) }.encode().unwrap();
    let link = cursor.link.next(&payload);
    ledger.bank.ingest(JOURNAL, vec![Framed { seq: cursor.seq + 1, payload, link }]).await.unwrap();
}

#[tokio::test]
async fn a_fork_is_noticed_while_calls_run_and_none_of_them_is_lost() {
    let ledger = Ledger::with(1_000).await;
    let node = ledger.node().await;
    for n in 1..=4 {
        reserve(&node, n, 60).await.unwrap();
        sent(&node, n);
    }
    answered(&node, 1, 11);
    node.upload().await.unwrap();
    overtake(&ledger).await;
    // Ended and not yet home when the fork is noticed; open then and ended after; open until the process dies.
    answered(&node, 2, 22);
    node.upload().await.unwrap();
    let anew = node.journal_id();
    assert_ne!(anew, JOURNAL);
    answered(&node, 3, 33);
    node.progress(whole(4), 7).unwrap();
    reserve(&node, 5, 60).await.unwrap();
    answered(&node, 5, 5);
    node.upload().await.unwrap();
    let in_order = [(11, vec![]), (22, vec![]), (33, vec![]), (5, vec![])];
    assert_eq!(charges(&ledger).await, in_order);
    assert!(ledger.journal_dir().join(format!("forked-{JOURNAL}")).is_dir());
    drop(node);
    let node = ledger.node().await;
    assert_eq!(node.journal_id(), anew);
    assert_eq!(charges(&ledger).await.last(), Some(&(17, vec![Flag::InDoubt, Flag::Counted])));
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_was_leased_to_a_forked_journal_goes_back_and_is_asked_for_anew() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 10);
    overtake(&ledger).await;
    for _ in 0..2 {
        node.upload().await.unwrap();
    }
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 90);
    assert!(ledger.bank.open_leases(JOURNAL).await.unwrap().is_empty());
    reserve(&node, 2, 90).await.unwrap();
    assert_eq!(ledger.bank.open_leases(node.journal_id()).await.unwrap().len(), 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn without_room_for_a_new_journal_nothing_is_reserved_until_there_is() {
    let ledger = Ledger::with(100).await;
    let disk = TestDisk::new(true);
    let options = NodeOptions { disk: disk.clone(), ..ledger.options("boot 1", 16 * 1024) };
    let node = ledger.open_node(options, Arc::new(ledger.bank.clone())).await.unwrap();
    reserve(&node, 1, 60).await.unwrap();
    sent(&node, 1);
    overtake(&ledger).await;
    disk.set(Fails::Allocation);
    assert!(matches!(node.upload().await, Err(NodeError::Journal(_))));
    assert!(matches!(node.admits(), Err(NodeError::Broken)));
    answered(&node, 1, 25);
    disk.set(Fails::Nothing);
    node.upload().await.unwrap();
    node.upload().await.unwrap();
    assert_eq!(charges(&ledger).await, [(25, vec![])]);
    node.admits().unwrap();
    ledger.is_sound().await;
}

/// A ledger that can be put back to an earlier state.
struct Restorable(Mutex<Bank>);

impl Restorable {
    fn bank(&self) -> Bank {
        self.0.lock().clone()
    }
}

impl LedgerPort for Restorable {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        Box::pin(async move { self.bank().grant(ask).await })
    }

    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        Box::pin(async move { self.bank().cursor(journal_id).await })
    }

    fn ingest(
        &self,
        journal_id: JournalId,
        records: Vec<Framed>,
    ) -> BoxFuture<'_, Result<Cursor, IngestError>> {
        Box::pin(async move { self.bank().ingest(journal_id, records).await })
    }

    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        Box::pin(async move { self.bank().open_leases(journal_id).await })
    }

    fn recalls(&self, journal_id: JournalId) -> BoxStream<'static, AccountId> {
        self.bank().recalls(journal_id)
    }

    fn head(&self) -> u64 {
        self.bank().head()
    }

    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>> {
        Box::pin(async move { self.bank().news(after).await })
    }
}

/// A node that has brought 30 calls home, and a ledger as it was before the first of them.
async fn before_a_restore() -> (Ledger, Arc<Restorable>, Arc<Node>, Ledger) {
    let (ledger, earlier) = (Ledger::with(1_000).await, Ledger::with(1_000).await);
    let port = Arc::new(Restorable(Mutex::new(ledger.bank.clone())));
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    for n in 0..30 {
        reserve(&node, n, 20).await.unwrap();
        answered(&node, n, 3);
    }
    node.upload().await.unwrap();
    assert_eq!(node.lag(), 0);
    (ledger, port, node, earlier)
}

async fn called(ledger: &Ledger) -> Vec<(domain::CallId, domain::Nanos)> {
    ledger.charges().await.into_iter().map(|charge| (charge.call_id, charge.amount_nanos)).collect()
}

#[tokio::test]
async fn what_a_restored_ledger_has_lost_is_sent_again_without_being_asked() {
    let (ledger, port, node, earlier) = Box::pin(before_a_restore()).await;
    *port.0.lock() = earlier.bank.clone();
    // Nothing has happened here since: the node looks from time to time.
    ledger.clock.pass_ms(10_000);
    node.upload().await.unwrap();
    assert_eq!(node.journal_id(), JOURNAL);
    assert_eq!(called(&earlier).await, called(&ledger).await);
    assert_eq!(earlier.account(PAYER).await.posted_nanos, 90);
    reserve(&node, 100, 20).await.unwrap();
    earlier.is_sound().await;
}

#[tokio::test]
async fn what_a_restored_ledger_has_lost_is_sent_again_at_the_start() {
    let (ledger, port, node, earlier) = Box::pin(before_a_restore()).await;
    drop(node);
    *port.0.lock() = earlier.bank.clone();
    let node = ledger.node_over(port, "boot 1").await.unwrap();
    assert_eq!(node.journal_id(), JOURNAL);
    assert_eq!(called(&earlier).await, called(&ledger).await);
    earlier.is_sound().await;
}

#[tokio::test]
async fn what_is_not_kept_any_more_keeps_nobody_from_sending_the_rest() {
    for restart in [false, true] {
        let (ledger, port, mut node, earlier) = Box::pin(before_a_restore()).await;
        reserve(&node, 100, 20).await.unwrap();
        sent(&node, 100);
        let ingested = *node.ingested.borrow();
        node.inner.lock().retire(ingested, Duration::ZERO, TimeStamp::default()).unwrap();
        node.upload().await.unwrap();
        node.inner.lock().retire(*node.ingested.borrow(), Duration::ZERO, TimeStamp::default()).unwrap();
        let first_seq = node.inner.lock().journal.first_seq();
        assert!(first_seq > 1);
        let kept = ledger.charges().await.iter().filter(|charge| charge.seq >= first_seq).count();
        assert!(kept > 0 && kept < 30, "{kept}");
        *port.0.lock() = earlier.bank.clone();
        if restart {
            drop(node);
            node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
            let (amount, flags) = charges(&earlier).await.pop().unwrap();
            assert!(amount == 10 && flags.contains(&Flag::InDoubt), "{amount} {flags:?}");
            assert_eq!(called(&earlier).await.len(), kept + 1);
        } else {
            ledger.clock.pass_ms(10_000);
            node.upload().await.unwrap();
            assert_eq!(called(&earlier).await, called(&ledger).await[30 - kept..]);
            answered(&node, 100, 9);
        }
        assert_ne!(node.journal_id(), JOURNAL);
        assert_eq!(reserve(&node, 101, 20).await.unwrap(), nanos(20));
        answered(&node, 101, 8);
        node.upload().await.unwrap();
        assert_eq!(charges(&earlier).await.last(), Some(&(8, vec![])));
        earlier.is_sound().await;
    }
}

#[tokio::test]
async fn files_that_were_put_back_are_refused_where_the_ledger_lacks_what_they_lack() {
    let ledger = Ledger::with(1_000).await;
    let port = Faulty::new(&ledger, Line::Good);
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    let segment = ledger.journal_dir().join(format!("{:020}.seg", 1));
    let before = fs::read(&segment).unwrap();
    reserve(&node, 1, 60).await.unwrap();
    answered(&node, 1, 25);
    port.set(Line::Down);
    // It becomes durable and does not come home.
    node.upload().await.unwrap_err();
    drop(node);
    let after = fs::read(&segment).unwrap();
    fs::write(&segment, before).unwrap();
    port.set(Line::Good);
    for _ in 0..2 {
        let Err(refused) = ledger.node_over(port.clone(), "boot 1").await else { panic!("it opened") };
        assert!(matches!(refused, NodeError::Journal(JournalError::RolledBack { .. })), "{refused}");
    }
    fs::write(&segment, after).unwrap();
    ledger.node_over(port, "boot 1").await.unwrap();
    assert_eq!(charges(&ledger).await, [(25, vec![])]);
    ledger.is_sound().await;
}
