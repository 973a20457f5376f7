//! A journal that is not what was taken in of it, or that was not taken in as it is.

use std::{fs, path::PathBuf, sync::Arc};

use domain::{
    Nanos,
    account::{AccountEvent, AttemptOutcome},
    price::Usage,
};
use sqlx::{SqliteConnection, query};

use super::{intruder, kinds, rewritten};
use crate::{
    Audit, Broken, LedgerPort, Node,
    fixtures::{JOURNAL, Ledger, PAYER, asked, attempt, call, nanos, whole},
};

async fn calls(node: &Arc<Node>, numbers: std::ops::Range<u128>) {
    for n in numbers {
        node.reserve(asked(n, &[PAYER]), &[], nanos(40), nanos(40)).await.unwrap();
        drop(node.sent(whole(n), attempt(1, AttemptOutcome::Unknown)).unwrap());
        node.attempt_ended(whole(n), 1, AttemptOutcome::Billed).unwrap();
        let usage = Usage { input_tokens: 5, ..Usage::default() };
        node.settle(whole(n), usage, nanos(5), Vec::new()).unwrap();
    }
}

/// A ledger and the journal of a node that made so many calls on it, which the ledger has.
async fn journaled(count: u128) -> Ledger {
    let ledger = Ledger::with(1_000_000).await;
    let node = ledger.node().await;
    calls(&node, 0..count).await;
    drop(node);
    // The next one brings home what the one before it left.
    drop(ledger.node().await);
    let audit = audited(&ledger).await;
    assert_eq!((audit.charges, audit.broken), (count.try_into().unwrap(), Vec::new()));
    ledger
}

async fn audited(ledger: &Ledger) -> Audit {
    ledger.audit_with(Some(ledger.journal_dir())).await
}

async fn execute(mut intruder: SqliteConnection, sql: &str) {
    assert!(query(sql).execute(&mut intruder).await.unwrap().rows_affected() > 0, "{sql}");
}

/// Its files, in order.
fn segments(ledger: &Ledger) -> Vec<PathBuf> {
    let entries = fs::read_dir(ledger.journal_dir()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|suffix| suffix == "seg")).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn what_a_node_has_not_brought_home_yet_is_not_missed_and_its_files_are_left_alone() {
    let ledger = journaled(100).await;
    let node = ledger.node().await;
    calls(&node, 200..250).await;
    let before: Vec<_> = segments(&ledger).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    let audit = audited(&ledger).await;
    assert_eq!((audit.charges, audit.broken), (100, Vec::new()));
    let after: Vec<_> = segments(&ledger).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    assert!(before == after, "an audit only reads");
}

#[tokio::test]
async fn a_file_that_was_never_begun_is_left_alone_and_no_damage() {
    let ledger = journaled(3).await;
    let unbegun = ledger.journal_dir().join(format!("{:020}.seg", 99));
    fs::write(&unbegun, [0; 4_096]).unwrap();
    assert_eq!(audited(&ledger).await.broken, []);
    assert!(unbegun.exists());
}

#[tokio::test]
async fn damage_to_the_journal_is_found_and_its_place_told() {
    let ledger = journaled(100).await;
    let path = segments(&ledger).remove(1);
    let mut bytes = fs::read(&path).unwrap();
    let header = 96;
    bytes[header + 50] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(audited(&ledger).await.broken, [Broken::JournalDamaged { path, offset: header }]);
}

#[tokio::test]
async fn a_missing_file_is_found() {
    let ledger = journaled(100).await;
    let files = segments(&ledger);
    let first_of = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    fs::remove_file(&files[1]).unwrap();
    let cursor = ledger.bank.cursor(JOURNAL).await.unwrap().cursor.seq;
    let (journal_id, last) = (JOURNAL, first_of(&files[1]) - 1);
    assert_eq!(audited(&ledger).await.broken, [Broken::JournalShort { journal_id, cursor, last }]);
    // One that was taken in whole may go; not one that is still to be taken in.
    fs::remove_file(&files[0]).unwrap();
    assert_eq!(audited(&ledger).await.broken, []);
    execute(intruder(&ledger).await, "UPDATE journals SET seq = 3").await;
    let before = first_of(&files[2]) - 1;
    let lacks = Broken::JournalLacks { journal_id, cursor: 3, before };
    assert!(audited(&ledger).await.broken.contains(&lacks));
}

#[tokio::test]
async fn a_cursor_that_names_another_record_is_found() {
    let ledger = journaled(3).await;
    let seq = ledger.bank.cursor(JOURNAL).await.unwrap().cursor.seq;
    execute(intruder(&ledger).await, "UPDATE journals SET link = zeroblob(32)").await;
    assert_eq!(audited(&ledger).await.broken, [Broken::JournalDiffers { journal_id: JOURNAL, seq }]);
}

/// The position of the first charge, and the record that it charges.
async fn first_charge(ledger: &Ledger) -> (u64, u64) {
    let events = ledger.events().await;
    let charge = events.iter().zip(1..).find_map(|((_, event), position)| match event {
        AccountEvent::QuotaDeducted(charge) => Some((position, charge.seq)),
        _ => None,
    });
    charge.unwrap()
}

#[tokio::test]
async fn a_charge_that_is_not_what_the_journal_says_is_found_even_where_it_is_a_right_bill() {
    for other_call in [false, true] {
        let ledger = journaled(3).await;
        let (position, seq) = first_charge(&ledger).await;
        rewritten(&ledger, position, |event| {
            let AccountEvent::QuotaDeducted(charge) = event else { panic!("{event:?}") };
            if other_call {
                charge.call_id = call(77);
            } else {
                charge.usage.input_tokens = 4;
                charge.amount_nanos = nanos(4);
                charge.charges[0].amount_nanos = nanos(4);
            }
        })
        .await;
        let broken = audited(&ledger).await.broken;
        assert!(broken.contains(&Broken::Record { position, journal_id: JOURNAL, seq }), "{broken:?}");
        assert!(!kinds(&broken).contains("bill"), "{broken:?}");
    }
}

#[tokio::test]
async fn a_settlement_that_was_taken_in_and_never_charged_is_found() {
    let ledger = journaled(3).await;
    let (position, _) = first_charge(&ledger).await;
    rewritten(&ledger, position, |event| {
        *event = AccountEvent::Deposited { amount_nanos: Nanos::ZERO, reason: "nothing".into() };
    })
    .await;
    let broken = audited(&ledger).await.broken;
    assert!(broken.contains(&Broken::Uncharged { call_id: call(0), part: 0 }), "{broken:?}");
}
