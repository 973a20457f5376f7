//! What a journal keeps, and what it refuses.

mod anew;
mod damage;
mod sync;

use std::{fs, path::Path, sync::Arc};

use domain::TimeStamp;
use tempfile::TempDir;

use super::{Disk, Journal, JournalError, JournalOptions, files};
use crate::{
    fixtures::{Fails, JOURNAL, TestDisk, call, process, settlement},
    record::{CallPart, Record},
};

const SEGMENT: usize = 8 * 1024;

type Opened = Result<(Journal, Vec<(u64, Record)>), JournalError>;

fn options(dir: &Path, disk: Arc<dyn Disk>) -> JournalOptions {
    JournalOptions {
        dir: dir.to_owned(),
        new_id: JOURNAL,
        boot_id: "boot 1".into(),
        segment_bytes: SEGMENT,
        bytes_max: 256 * SEGMENT as u64,
        disk,
    }
}

fn open(dir: &Path) -> Opened {
    open_with(options(dir, TestDisk::new(true)))
}

fn open_with(options: JournalOptions) -> Opened {
    let mut records = Vec::new();
    let journal = Journal::open(options, |seq, record| records.push((seq, record)))?;
    Ok((journal, records))
}

fn void(n: u128) -> Record {
    Record::Void { call: CallPart { call_id: call(n), part: 0 } }
}

fn fill(journal: &mut Journal, count: u128) {
    for n in 0..count {
        journal.append(&void(n)).unwrap();
    }
}

fn started() -> Record {
    Record::Started { boot_id: "boot 1".into(), at: TimeStamp::default() }
}

fn read_all(journal: &Journal, after: u64) -> Vec<u64> {
    let mut reader = journal.reader(after).unwrap();
    std::iter::from_fn(|| reader.next(journal.seq()).unwrap()).map(|framed| framed.seq).collect()
}

#[test]
fn what_was_appended_is_there_after_a_restart_across_files() {
    let dir = TempDir::new().unwrap();
    let (mut journal, records) = open(dir.path()).unwrap();
    assert!(records.is_empty());
    fill(&mut journal, 500);
    assert!(files::list(dir.path()).unwrap().len() > 3);
    drop(journal);
    let (mut journal, records) = open(dir.path()).unwrap();
    assert_eq!(records.len(), 500);
    assert_eq!(records[499], (500, void(499)));
    assert_eq!(journal.append(&void(500)).unwrap(), 501);
    assert_eq!(journal.id(), JOURNAL);
}

#[test]
fn a_reader_follows_from_any_record_across_files() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 300);
    for after in [0, 1, 150, 299, 300] {
        let expected: Vec<u64> = (after + 1..=300).collect();
        assert_eq!(read_all(&journal, after), expected);
    }
    let mut reader = journal.reader(300).unwrap();
    assert!(reader.next(journal.seq()).unwrap().is_none());
    journal.append(&Record::Settle(Box::new(settlement(5)))).unwrap();
    assert_eq!(reader.next(journal.seq()).unwrap().unwrap().seq, 301);
}

#[test]
fn a_reader_stops_at_the_record_it_was_told() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 10);
    let mut reader = journal.reader(0).unwrap();
    let read = std::iter::from_fn(|| reader.next(4).unwrap()).count();
    assert_eq!(read, 4);
}

#[test]
fn a_second_process_is_refused() {
    const TEST: &str = "journal::tests::a_second_process_is_refused";
    if let Some(dir) = process::argument("second=") {
        // The second process.
        let refused = open(Path::new(&dir)).err().unwrap();
        assert!(matches!(&refused, JournalError::Locked(_)), "{refused}");
        assert!(refused.to_string().contains("in use by another process"), "{refused}");
        return;
    }
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::Locked(_))), "nor is this one let in twice");
    process::again(&[], TEST, &format!("second={}", dir.path().display()));
    drop(journal);
    open(dir.path()).unwrap();
}

#[test]
fn what_is_ingested_is_retired_but_never_the_file_in_use() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 500);
    let before = files::list(dir.path()).unwrap();
    journal.retire(before[2].first_seq - 1, std::time::Duration::ZERO).unwrap();
    assert_eq!(files::list(dir.path()).unwrap().len(), before.len() - 2);
    journal.retire(u64::MAX - 1, std::time::Duration::ZERO).unwrap();
    assert_eq!(files::list(dir.path()).unwrap().len(), 1);
    assert!(matches!(journal.reader(0), Err(JournalError::Gap { .. })));
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().0.seq(), 500);
}

#[test]
fn a_journal_that_holds_as_much_as_it_may_takes_no_reservation_but_goes_on() {
    let dir = TempDir::new().unwrap();
    let bytes_max = 6 * SEGMENT as u64;
    let (mut journal, _) =
        open_with(JournalOptions { bytes_max, ..options(dir.path(), TestDisk::new(true)) }).unwrap();
    while journal.admits().is_ok() {
        fill(&mut journal, 1);
        journal.prepare().unwrap();
    }
    assert!(matches!(journal.admits(), Err(JournalError::Full { bytes_max: known }) if known == bytes_max));
    assert_eq!(files::list(dir.path()).unwrap().len(), 6);
    fill(&mut journal, 200);
    // What the ledger has makes room, whatever its age.
    let day = std::time::Duration::from_hours(24);
    journal.retire(journal.seq(), day).unwrap();
    assert_eq!(files::list(dir.path()).unwrap().len(), 1);
    journal.prepare().unwrap();
    journal.admits().unwrap();
}

#[test]
fn a_clock_that_was_set_back_makes_no_gap() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 500);
    let hour = std::time::Duration::from_hours(1);
    for (index, found) in files::list(dir.path()).unwrap().iter().enumerate() {
        let file = fs::File::options().write(true).open(&found.path).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        // The first was written when the clock was ahead.
        file.set_modified(if index == 0 { now + hour } else { now - hour }).unwrap();
    }
    journal.retire(u64::MAX - 1, std::time::Duration::from_mins(1)).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().0.seq(), 500);
}

/// Appends until one more file is in use.
fn rotate(journal: &mut Journal) {
    let files = journal.firsts.len();
    while journal.firsts.len() == files {
        fill(journal, 1);
    }
}

#[test]
fn where_files_are_filled_the_next_but_one_is_made_ahead_and_found_when_it_is_needed() {
    for mapped in [true, false] {
        let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(mapped));
        let (mut journal, _) = open_with(options(dir.path(), disk.clone())).unwrap();
        assert!(journal.wants_spare().is_none(), "none was filled yet");
        rotate(&mut journal);
        journal.prepare().unwrap();
        let spare = journal.wants_spare().unwrap().allocate().unwrap();
        journal.keep_spare(spare);
        assert!(journal.wants_spare().is_none(), "one is enough");
        assert_eq!(journal.bytes().0, 4 * SEGMENT as u64);

        disk.set(Fails::Allocation);
        for _ in 0..2 {
            rotate(&mut journal);
            assert!(journal.wants_spare().is_none_or(|wanted| wanted.allocate().is_err()));
            let _ = journal.prepare();
        }
        assert!(journal.admits().is_err(), "both are used up");
        disk.set(Fails::Nothing);
        let spare = journal.wants_spare().unwrap().allocate().unwrap();
        journal.keep_spare(spare);
        let seq = journal.seq();
        drop(journal);
        let (journal, records) = open_with(options(dir.path(), disk)).unwrap();
        assert_eq!((journal.seq(), records.len() as u64), (seq, seq));
        assert_eq!(journal.bytes().0, 5 * SEGMENT as u64, "four that hold records, and the spare");
        assert!(!dir.path().join("spare.next").exists());
    }
}
