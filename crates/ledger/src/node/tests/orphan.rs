//! A journal that somebody else brings home.

use std::{fs, sync::Arc};

use domain::{JournalId, TimeStamp, account::Flag};
use tempfile::TempDir;
use uuid::Uuid;

use super::{anew::rolled_back, answered, charges, die, reserve, sent};
use crate::{
    Doubt, Homecoming, IngestError, OrphanError, bring_home,
    fixtures::{Faulty, JOURNAL, Ledger, Line, PAYER, nanos, whole},
    journal::{JournalError, JournalOptions},
};

async fn brought(ledger: &Ledger, port: Arc<Faulty>) -> Result<Homecoming, OrphanError> {
    let other = JournalId(Uuid::from_u128(77));
    let options = JournalOptions {
        segment_bytes: 16 * 1024,
        ..JournalOptions::new(ledger.journal_dir(), other, "boot 1".into())
    };
    bring_home(options, port, TimeStamp::default()).await
}

/// Of two calls one was answered, one was sent when the process died.
async fn orphan() -> Ledger {
    let ledger = Ledger::with(100).await;
    let node = ledger.node_over(Faulty::new(&ledger, Line::Good), "boot 1").await.unwrap();
    for n in [1, 2] {
        reserve(&node, n, 40).await.unwrap();
    }
    answered(&node, 1, 3);
    sent(&node, 2);
    die(&ledger, node).await;
    ledger
}

#[tokio::test]
async fn what_a_node_left_is_charged_its_leases_are_given_back_and_to_do_so_again_changes_nothing() {
    let ledger = orphan().await;
    let told = brought(&ledger, Faulty::new(&ledger, Line::Good)).await.unwrap();
    let in_doubt = vec![Doubt { call: whole(2), amount: nanos(10) }];
    assert_eq!((told.journal_id, told.charges, &told.in_doubt), (JOURNAL, 2, &in_doubt));
    assert!(told.records > 2 && told.leases > 0, "{told:?}");
    let charged = [(3, vec![]), (10, vec![Flag::InDoubt, Flag::Counted])];
    assert_eq!(charges(&ledger).await, charged);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);

    let again = brought(&ledger, Faulty::new(&ledger, Line::Good)).await.unwrap();
    let nothing = Homecoming { journal_id: JOURNAL, records: 0, charges: 0, in_doubt: Vec::new(), leases: 0 };
    assert_eq!(again, nothing);
    assert_eq!(charges(&ledger).await, charged);
    // And should the node come back after all, it goes on.
    let node = ledger.node().await;
    assert_eq!(node.journal_id(), JOURNAL);
    reserve(&node, 3, 40).await.unwrap();
    answered(&node, 3, 5);
    node.upload().await.unwrap();
    ledger.is_sound().await;
}

#[tokio::test]
async fn whatever_the_line_loses_on_the_way_is_taken_in_once_by_the_next_try() {
    for line in [Line::AckLost, Line::Torn, Line::Down] {
        let ledger = orphan().await;
        let port = Faulty::new(&ledger, line);
        let lost = brought(&ledger, port.clone()).await;
        assert!(matches!(lost, Err(OrphanError::Ingest(IngestError::Unavailable(_)))), "{line:?}: {lost:?}");
        port.set(Line::Good);
        brought(&ledger, port).await.unwrap();
        assert_eq!(charges(&ledger).await.len(), 2, "{line:?}");
        assert_eq!(ledger.account(PAYER).await.pending_nanos, 0, "{line:?}");
        ledger.is_sound().await;
    }
}

#[tokio::test]
async fn a_journal_in_use_is_left_alone_and_where_there_is_none_none_is_made() {
    let ledger = Ledger::with(100).await;
    let port = Faulty::new(&ledger, Line::Good);
    assert!(matches!(brought(&ledger, port.clone()).await, Err(OrphanError::Missing(_))));
    assert!(!ledger.journal_dir().exists());
    let node = ledger.node().await;
    let running = brought(&ledger, port.clone()).await;
    assert!(matches!(running, Err(OrphanError::Journal(JournalError::Locked(_)))), "{running:?}");
    drop(node);
}

#[tokio::test]
async fn a_forked_journal_and_one_of_another_ledger_stay_as_they_are() {
    let forked = rolled_back(2).await;
    let charged = charges(&forked).await;
    let told = brought(&forked, Faulty::new(&forked, Line::Good)).await;
    assert!(matches!(told, Err(OrphanError::Departed { .. })), "{told:?}");
    assert_eq!(charges(&forked).await, charged);

    let (ledger, elsewhere) = (orphan().await, Ledger::with(100).await);
    let before: Vec<_> =
        fs::read_dir(ledger.journal_dir()).unwrap().map(|file| file.unwrap().path()).collect();
    let told = brought(&ledger, Faulty::new(&elsewhere, Line::Good)).await;
    assert!(matches!(told, Err(OrphanError::OtherLedger { .. })), "{told:?}");
    assert_eq!(charges(&elsewhere).await, []);
    let after: Vec<_> =
        fs::read_dir(ledger.journal_dir()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(before, after);
    assert!(brought(&ledger, Faulty::new(&ledger, Line::Good)).await.is_ok());
    let _kept: TempDir = forked.dir;
}
