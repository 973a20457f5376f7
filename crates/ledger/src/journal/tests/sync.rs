//! What becomes of records on a disk that does not keep what it was given.

use tempfile::TempDir;

use super::{
    Journal, JournalError, JournalOptions, SEGMENT, TestDisk, files, fill, open_with, options, read_all,
    started, void,
};
use crate::fixtures::Fails;

/// A journal on a disk that fails when it is told to: by a mapping, and by writes.
fn for_both(test: impl Fn(&TempDir, &TestDisk, Journal, &dyn Fn() -> JournalOptions)) {
    for mapped in [true, false] {
        let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(mapped));
        let options = || options(dir.path(), disk.clone());
        let (mut journal, _) = open_with(options()).unwrap();
        journal.append(&started()).unwrap();
        test(&dir, &disk, journal, &options);
    }
}

#[test]
fn a_journal_is_the_same_mapped_and_written() {
    for_both(|_, _, mut journal, options| {
        fill(&mut journal, 300);
        let records: Vec<_> = (300..600).map(void).collect();
        assert_eq!(journal.append_all(&records).0, 300);
        journal.sync().unwrap();
        assert_eq!(read_all(&journal, 0), (1..=601).collect::<Vec<_>>());
        drop(journal);
        let (journal, records) = open_with(options()).unwrap();
        assert_eq!((records.len(), journal.durable().seq), (601, 601));
        assert_eq!(records[600], (601, void(599)));
    });
}

#[test]
fn nothing_is_durable_before_the_disk_says_so() {
    for_both(|_, disk, mut journal, _| {
        let before = journal.durable();
        fill(&mut journal, 3);
        let sync = journal.begin_sync().unwrap();
        fill(&mut journal, 2);
        assert_eq!(journal.durable(), before);
        let syncs = disk.syncs();
        let done = sync.run();
        assert!(disk.syncs() > syncs);
        journal.end_sync(&sync, done).unwrap();
        assert_eq!((journal.durable().seq, journal.seq()), (before.seq + 4, before.seq + 6));
        assert!(!journal.is_durable());
    });
}

#[test]
fn what_a_failed_sync_lost_is_written_again_into_the_next_file() {
    for_both(|dir, disk, mut journal, options| {
        fill(&mut journal, 10);
        journal.sync().unwrap();
        fill(&mut journal, 20);
        disk.set(Fails::Sync);
        journal.sync().unwrap_err();
        disk.set(Fails::Nothing);
        assert_eq!(journal.durable().seq, 11, "what was not kept is not durable");
        assert_eq!(read_all(&journal, 0).len(), 31, "it can be read all the same");
        fill(&mut journal, 5);
        journal.sync().unwrap();
        assert_eq!(journal.durable().seq, 36);
        drop(journal);
        disk.lose_power(dir.path());
        let later = JournalOptions { boot_id: "boot 2".into(), ..options() };
        let (_, records) = open_with(later).unwrap();
        assert_eq!(records.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=36).collect::<Vec<_>>());
        assert_eq!(files::list(dir.path()).unwrap()[1].first_seq, 12, "after the last good sync");
    });
}

#[test]
fn a_failed_sync_over_several_files_leaves_none_of_them() {
    for_both(|dir, disk, mut journal, options| {
        fill(&mut journal, 10);
        journal.sync().unwrap();
        fill(&mut journal, 400);
        assert!(files::list(dir.path()).unwrap().len() > 3);
        disk.set(Fails::Sync);
        journal.sync().unwrap_err();
        disk.set(Fails::Nothing);
        let firsts: Vec<u64> = files::list(dir.path()).unwrap().iter().map(|found| found.first_seq).collect();
        assert_eq!(firsts, [1, 12]);
        fill(&mut journal, 200);
        journal.sync().unwrap();
        drop(journal);
        assert_eq!(open_with(options()).unwrap().1.len(), 611);
    });
}

#[test]
fn a_disk_that_fails_altogether_is_not_trusted_until_it_has_taken_everything_again() {
    for_both(|_, disk, mut journal, options| {
        fill(&mut journal, 10);
        journal.sync().unwrap();
        fill(&mut journal, 5);
        // One file is allocated already; the one after it is not to be had.
        for _ in 0..3 {
            disk.set(Fails::Everything);
            assert!(journal.sync().is_err());
        }
        assert!(journal.admits().is_err());
        assert_eq!(journal.durable().seq, 11);
        disk.set(Fails::Nothing);
        journal.sync().unwrap();
        journal.prepare().unwrap();
        journal.admits().unwrap();
        assert_eq!(journal.durable().seq, 16);
        drop(journal);
        assert_eq!(open_with(options()).unwrap().1.len(), 16);
    });
}

#[test]
fn a_sync_that_was_under_way_says_nothing_of_what_was_written_again_since() {
    let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(false));
    let (mut journal, _) = open_with(options(dir.path(), disk.clone())).unwrap();
    fill(&mut journal, 3);
    let sync = journal.begin_sync().unwrap();
    let done = sync.run();
    disk.set(Fails::Write);
    journal.append(&void(9)).unwrap_err();
    disk.set(Fails::Nothing);
    journal.append(&void(9)).unwrap();
    let again = journal.begin_sync().unwrap();
    journal.end_sync(&sync, done).unwrap();
    assert_eq!(journal.durable().seq, 0);
    let done = again.run();
    journal.end_sync(&again, done).unwrap();
    assert_eq!(journal.durable().seq, 4);
}

#[test]
fn a_write_that_fails_goes_into_the_next_file_whole() {
    let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(false));
    let (mut journal, _) = open_with(options(dir.path(), disk.clone())).unwrap();
    fill(&mut journal, 3);
    disk.set(Fails::Write);
    journal.append(&void(3)).unwrap_err();
    assert_eq!(journal.seq(), 3, "nothing was appended");
    assert!(matches!(journal.admits(), Err(JournalError::Distrusted)));
    disk.set(Fails::Nothing);
    let records: Vec<_> = (3..8).map(void).collect();
    assert_eq!(journal.append_all(&records).0, 5);
    journal.sync().unwrap();
    drop(journal);
    let (_, records) = open_with(options(dir.path(), disk)).unwrap();
    assert_eq!(records, (0..8).map(|n| (u64::try_from(n).unwrap() + 1, void(n))).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_does_not_fit_is_written_as_far_as_there_is_room() {
    let (dir, disk) = (TempDir::new().unwrap(), TestDisk::new(true));
    let (mut journal, _) = open_with(options(dir.path(), disk.clone())).unwrap();
    disk.set(Fails::Allocation);
    let records: Vec<_> = (0..1_000).map(void).collect();
    let (written, done) = journal.append_all(&records);
    assert!(matches!(done, Err(JournalError::Io(_))), "{done:?}");
    assert!(written > 2 * SEGMENT / 200 && written < 1_000, "{written}");
    assert_eq!(journal.seq(), written as u64);
    disk.set(Fails::Nothing);
    assert_eq!(journal.append_all(&records[written..]).0, 1_000 - written);
    drop(journal);
    assert_eq!(open_with(options(dir.path(), disk)).unwrap().1.len(), 1_000);
}
