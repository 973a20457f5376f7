//! What a journal keeps, and what it refuses.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{Journal, JournalError, files};
use crate::{
    fixtures::{JOURNAL, call, settlement},
    record::{CallPart, Record},
};

const SEGMENT: usize = 8 * 1024;

fn open(dir: &Path) -> Result<(Journal, Vec<(u64, Record)>), JournalError> {
    let mut records = Vec::new();
    let journal = Journal::open(dir, JOURNAL, SEGMENT, |seq, record| records.push((seq, record)))?;
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
    let dir = TempDir::new().unwrap();
    let (_journal, _) = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::Locked(_))));
}

#[test]
fn a_torn_last_record_is_cut_off_and_the_rest_kept() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 5);
    drop(journal);
    let path = files::segment_path(dir.path(), 1);
    let found = files::list(dir.path()).unwrap().remove(0);
    let end = files::scan(&found, |_, _, _| Ok(())).unwrap().length;
    let mut bytes = fs::read(&path).unwrap();
    bytes[end - 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (mut journal, records) = open(dir.path()).unwrap();
    assert_eq!(records.len(), 4);
    journal.append(&void(9)).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().1.last().unwrap(), &(5, void(9)));
}

#[test]
fn damage_before_the_last_file_is_reported_with_its_place() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 500);
    drop(journal);
    let path = files::segment_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(&error, JournalError::Corrupt { path: at, .. } if *at == path), "{error}");
}

#[test]
fn a_missing_file_is_a_gap() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 500);
    drop(journal);
    let second = files::list(dir.path()).unwrap().remove(1);
    fs::remove_file(&second.path).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::Gap { .. })));
}

#[test]
fn what_is_ingested_is_retired_but_never_the_file_in_use() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 500);
    let before = files::list(dir.path()).unwrap();
    journal.retire(before[2].header.first_seq - 1, std::time::Duration::ZERO).unwrap();
    assert_eq!(files::list(dir.path()).unwrap().len(), before.len() - 2);
    journal.retire(u64::MAX - 1, std::time::Duration::ZERO).unwrap();
    assert_eq!(files::list(dir.path()).unwrap().len(), 1);
    assert!(matches!(journal.reader(0), Err(JournalError::Gap { .. })));
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().0.seq(), 500);
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

#[test]
fn what_is_cut_off_is_kept_beside_the_journal() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 5);
    drop(journal);
    let path = files::segment_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_, records) = open(dir.path()).unwrap();
    assert!(records.len() < 5);
    assert_eq!(fs::read(path.with_extension("torn")).unwrap(), bytes);
}
