//! What the operator is told of the journal, against the table that tells them what it means.

use std::{collections::BTreeSet, fs};

use super::{anew::rolled_back, *};
use crate::{
    LedgerPort, NodeOptions,
    fixtures::{Fails, JOURNAL, TestDisk, told::Line, told::Told},
};

const TABLE: &str = include_str!("../../../../../docs/audit.md");
const TORN: &str = "cut off a torn journal record";
const UNKEPT: &str = "the disk did not keep the journal's records";
const FORKED: &str = "a journal cannot be gone on with";
const SENT_AGAIN: &str = "the ledger has lost records of this journal";

/// A row of the table that is about a line of the log: what it says, how loud, and with which fields.
#[derive(Debug)]
struct Row {
    text: &'static str,
    level: tracing::Level,
    fields: BTreeSet<&'static str>,
}

impl Row {
    /// `` `what it says` (a warning with `field`, `field`) ``.
    fn read(line: &'static str) -> Option<Self> {
        let cell = line.strip_prefix("| ")?.split(" | ").next()?;
        let (said, how) = cell.split_once(" (")?;
        let (how, fields) = how.split_once(" with ")?;
        let level = match how {
            "a warning" => tracing::Level::WARN,
            "an error" => tracing::Level::ERROR,
            _ => return None,
        };
        let fields = fields.split('`').skip(1).step_by(2).collect();
        Some(Self { text: said.trim_matches('`'), level, fields })
    }
}

fn rows() -> Vec<Row> {
    TABLE.lines().filter_map(Row::read).collect()
}

/// The only line that says so, which must be as the table has it.
fn only(told: &Told, text: &str) -> Line {
    let line = told.only(text);
    let row = rows().into_iter().find(|row| row.text == text);
    let row = row.unwrap_or_else(|| panic!("docs/audit.md does not say what {text:?} means, and its fields"));
    let fields: BTreeSet<&str> = line.fields.keys().copied().collect();
    assert_eq!((line.level, fields), (row.level, row.fields), "docs/audit.md on {text:?}");
    line
}

#[test]
fn every_line_of_the_log_that_the_table_names_is_said_in_a_test() {
    let named: BTreeSet<&str> = rows().iter().map(|row| row.text).collect();
    assert_eq!(named, BTreeSet::from([TORN, UNKEPT, FORKED, SENT_AGAIN]));
}

#[tokio::test]
async fn a_torn_record_is_told_of_with_where_it_was_and_where_its_bytes_are_kept() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    node.upload().await.unwrap();
    reserve(&node, 1, 40).await.unwrap();
    let torn = node.inner.lock().journal.seq();
    die(&ledger, node).await;
    let path = ledger.journal_dir().join(format!("{:020}.seg", 1));
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (told, _guard) = Told::listen();
    drop(ledger.node().await);
    let line = only(&told, TORN);
    assert_eq!(line.fields["path"], path.display().to_string());
    assert_eq!(line.fields["record"], torn.to_string());
    let offset: usize = line.fields["offset"].parse().unwrap();
    assert!(offset < last, "{line:?}");
    assert_eq!(fs::read(&line.fields["kept"]).unwrap(), bytes);
}

#[tokio::test]
async fn a_disk_that_does_not_keep_records_is_told_of_with_which_these_are() {
    let (ledger, disk) = (Ledger::with(100).await, TestDisk::new(true));
    let options = NodeOptions { disk: disk.clone(), ..ledger.options("boot 1", 16 * 1024) };
    let node = ledger.open_node(options, Arc::new(ledger.bank.clone())).await.unwrap();
    let kept = node.inner.lock().journal.durable().seq;
    reserve(&node, 1, 40).await.unwrap();
    let lost = node.inner.lock().journal.seq();
    disk.set(Fails::Sync);
    let (told, _guard) = Told::listen();
    node.syncer.sync().unwrap_err();
    let line = only(&told, UNKEPT);
    assert_eq!(line.fields["journal_id"], JOURNAL.to_string());
    assert_eq!((&line.fields["after"], &line.fields["until"]), (&kept.to_string(), &lost.to_string()));
    assert!(line.fields["error"].contains("the disk fails"), "{line:?}");
}

#[tokio::test]
async fn a_fork_is_told_of_with_both_journals_and_where_the_old_one_is_kept() {
    let ledger = rolled_back(1).await;
    let (told, _guard) = Told::listen();
    let node = ledger.node().await;
    let line = only(&told, FORKED);
    assert_eq!(line.fields["journal_id"], JOURNAL.to_string());
    assert_eq!(line.fields["new_journal_id"], node.journal_id().to_string());
    let kept = ledger.journal_dir().join(format!("forked-{JOURNAL}"));
    assert_eq!(line.fields["kept"], kept.display().to_string());
    assert!(kept.is_dir() && !line.fields["reason"].is_empty(), "{line:?}");
}

#[tokio::test]
async fn a_ledger_that_was_restored_is_told_of_with_how_far_it_is_behind() {
    let ledger = Ledger::with(100).await;
    let node = ledger.node().await;
    let has = ledger.bank.cursor(JOURNAL).await.unwrap().cursor.seq;
    let backup = ledger.backup().await;
    for n in 1..=3 {
        reserve(&node, n, 20).await.unwrap();
        answered(&node, n, 10);
        node.upload().await.unwrap();
    }
    let home = ledger.bank.cursor(JOURNAL).await.unwrap().cursor.seq;
    die(&ledger, node).await;
    let restored = Ledger::at(backup, ledger.clock.clone()).await;
    let (told, _guard) = Told::listen();
    let options = ledger.options("boot 1", 16 * 1024);
    let node = restored.open_node(options, Arc::new(restored.bank.clone())).await.unwrap();
    let line = only(&told, SENT_AGAIN);
    assert_eq!(line.fields["journal_id"], node.journal_id().to_string());
    assert_eq!(line.fields["has"], has.to_string());
    // What a journal knows of its home is written down with the next sync.
    let had: u64 = line.fields["had"].parse().unwrap();
    assert!(has < had && had <= home, "{line:?}");
    assert_eq!(restored.charges().await.len(), 3, "and it was sent again");
}
