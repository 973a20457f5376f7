//! Another journal in the place of one that cannot be gone on with.

use std::{fs, path::Path};

use domain::JournalId;
use tempfile::TempDir;
use uuid::Uuid;

use super::{Fails, Journal, TestDisk, fill, open, open_with, options, void};
use crate::{fixtures::JOURNAL, journal::files};

const NEW: JournalId = JournalId(Uuid::from_u128(0x77));

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn carry(journal: &mut Journal) -> Result<(), super::JournalError> {
    (100..300).try_for_each(|n| journal.append(&void(n)).map(drop))
}

#[test]
fn it_holds_what_was_carried_over_and_the_old_files_are_kept_aside() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    fill(&mut journal, 200);
    let old: Vec<_> = names(dir.path()).into_iter().filter(|name| name.ends_with("seg")).collect();
    let aside = journal.begin_anew(NEW, carry).unwrap();
    assert_eq!(aside, dir.path().join(format!("forked-{JOURNAL}")));
    assert_eq!((journal.id(), journal.seq(), journal.durable().seq), (NEW, 200, 200));
    assert_eq!(
        names(&aside),
        [&["00000000000000000001.seg".to_owned()][..], &old[1..], &["mark".into()]].concat()
    );
    journal.append(&void(300)).unwrap();
    drop(journal);
    let (journal, records) = open(dir.path()).unwrap();
    assert_eq!((journal.id(), records.len()), (NEW, 201));
    assert_eq!((records[0].clone(), records[200].clone()), ((1, void(100)), (201, void(300))));
    fs::rename(dir.path().join("lock"), aside.join("lock")).unwrap();
    drop(journal);
    let (_, records) = open(&aside).unwrap();
    assert_eq!(records.len(), 200, "and can be opened by themselves");
}

#[test]
fn without_room_for_it_the_old_one_goes_on() {
    let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(true));
    let (mut journal, _) = open_with(options(dir.path(), disk.clone())).unwrap();
    fill(&mut journal, 10);
    for fails in [Fails::Allocation, Fails::Sync] {
        disk.set(fails);
        journal.begin_anew(NEW, carry).unwrap_err();
        disk.set(Fails::Nothing);
        assert_eq!(journal.id(), JOURNAL);
        fill(&mut journal, 10);
    }
    drop(journal);
    let (journal, records) = open(dir.path()).unwrap();
    assert_eq!((journal.id(), records.len()), (JOURNAL, 30));
}

#[test]
fn a_process_that_dies_on_the_way_leaves_the_old_one_or_the_new_one_whole() {
    let (from, dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (mut journal, _) = open(from.path()).unwrap();
    fill(&mut journal, 200);
    let aside = journal.begin_anew(NEW, carry).unwrap();
    drop(journal);
    let old: Vec<_> = files::list(&aside)
        .unwrap()
        .into_iter()
        .map(|found| found.path)
        .chain([aside.join("mark")])
        .collect();
    let new: Vec<_> = files::list(from.path())
        .unwrap()
        .into_iter()
        .map(|found| found.path)
        .chain([from.path().join("mark")])
        .collect();
    // Each step moves one file: first the old ones aside, then the new ones into their place.
    for moved in 0..=old.len() + new.len() {
        let dir = dir.path().join(moved.to_string());
        let (ready, aside) = (dir.join(format!("anew-{NEW}")), dir.join(format!("forked-{JOURNAL}")));
        fs::create_dir_all(&ready).unwrap();
        fs::create_dir_all(&aside).unwrap();
        for (index, path) in old.iter().enumerate() {
            let to = if index < moved { &aside } else { &dir };
            fs::copy(path, to.join(path.file_name().unwrap())).unwrap();
        }
        for (index, path) in new.iter().enumerate() {
            let to = if old.len() + index < moved { &dir } else { &ready };
            fs::copy(path, to.join(path.file_name().unwrap())).unwrap();
        }
        let (journal, records) = open(&dir).unwrap();
        assert_eq!((journal.id(), records.len()), (NEW, 200), "after {moved} files");
        assert_eq!(names(&aside).len(), old.len());
        assert!(!ready.exists());
    }
    // Before it was decided nothing is different.
    let undecided = dir.path().join("undecided");
    fs::create_dir_all(undecided.join("anew")).unwrap();
    for path in &old {
        fs::copy(path, undecided.join(path.file_name().unwrap())).unwrap();
    }
    let (journal, records) = open(&undecided).unwrap();
    assert_eq!((journal.id(), records.len()), (JOURNAL, 200));
}
