//! What a journal makes of bytes that are not what was written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use super::{
    Journal, JournalError, JournalOptions, Opened, TestDisk, fill, open, open_with, options, started, void,
};
use crate::{journal::files, record::Record};

/// Changes the byte at `offset` of a file.
fn flip(path: &Path, offset: usize, by: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= by;
    fs::write(path, bytes).unwrap();
}

/// The files of a journal, and where in each its frames begin, with one place more where they end.
fn frames(dir: &Path) -> Vec<(PathBuf, Vec<usize>)> {
    let found = files::list(dir).unwrap();
    let of = |found: &files::Found| {
        let mut offsets = vec![super::super::segment::HEADER_BYTES];
        files::scan(found, found.before().unwrap(), u64::MAX, |_, payload| {
            offsets.push(offsets.last().unwrap() + crate::chain::frame_bytes(payload.len()));
            Ok(())
        })
        .unwrap();
        (found.path.clone(), offsets)
    };
    found.iter().map(of).collect()
}

fn open_under(dir: &Path, boot_id: &str) -> Opened {
    open_with(JournalOptions { boot_id: boot_id.into(), ..options(dir, TestDisk::new(true)) })
}

fn filled(dir: &Path, count: u128) -> Journal {
    let (mut journal, _) = open(dir).unwrap();
    journal.append(&started()).unwrap();
    fill(&mut journal, count);
    journal
}

#[test]
fn a_torn_last_record_is_cut_off_and_the_rest_kept() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path(), 5));
    let (path, offsets) = frames(dir.path()).remove(0);
    flip(&path, offsets[6] - 1, 1);
    let torn = fs::read(&path).unwrap();
    let (mut journal, records) = open(dir.path()).unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(fs::read(path.with_extension("torn")).unwrap(), torn, "a copy is kept");
    journal.append(&void(9)).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().1.last().unwrap(), &(6, void(9)));
}

#[test]
fn damage_in_the_middle_is_refused_with_file_offset_and_record() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path(), 250));
    for (path, offsets) in frames(dir.path()) {
        let before = fs::read(&path).unwrap();
        flip(&path, offsets[3] + 10, 1);
        let error = open(dir.path()).err().unwrap();
        let JournalError::Corrupt { path: at, offset, record } = &error else { panic!("{error}") };
        let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!((at, *offset, *record), (&path, offsets[3], first + 3));
        assert!(error.to_string().contains("restore this file from a copy"), "{error}");
        fs::write(&path, before).unwrap();
    }
    assert_eq!(open(dir.path()).unwrap().1.len(), 251, "and nothing was changed");
}

#[test]
fn a_length_that_became_nothing_is_no_end() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path(), 5));
    let (path, offsets) = frames(dir.path()).remove(0);
    let length = fs::read(&path).unwrap()[offsets[2]];
    flip(&path, offsets[2], length);
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, JournalError::Corrupt { record: 3, .. }), "{error}");
}

#[test]
fn what_was_durable_is_not_cut_off_even_at_the_end() {
    let dir = TempDir::new().unwrap();
    let mut journal = filled(dir.path(), 5);
    journal.sync().unwrap();
    drop(journal);
    let (path, offsets) = frames(dir.path()).remove(0);
    flip(&path, offsets[6] - 1, 1);
    for boot_id in ["boot 1", "boot 2"] {
        let error = open_under(dir.path(), boot_id).err().unwrap();
        assert!(matches!(error, JournalError::Corrupt { record: 6, .. }), "{error}");
    }
}

#[test]
fn after_a_power_loss_what_was_not_durable_may_be_missing_in_any_order() {
    let dir = TempDir::new().unwrap();
    let mut journal = filled(dir.path(), 5);
    journal.sync().unwrap();
    fill(&mut journal, 200);
    drop(journal);
    let files = frames(dir.path());
    // A page of the first file is lost, what follows is there.
    let (path, offsets) = &files[0];
    flip(path, offsets[9] + 20, 1);
    let refused = open_under(dir.path(), "boot 1").err().unwrap();
    assert!(
        matches!(refused, JournalError::Corrupt { record: 10, .. }),
        "no power loss explains it: {refused}"
    );
    let (mut journal, records) = open_under(dir.path(), "boot 2").unwrap();
    assert_eq!(records.len(), 9);
    for (path, _) in &files {
        assert!(path.with_extension("torn").exists(), "{}", path.display());
    }
    fill(&mut journal, 200);
    drop(journal);
    assert_eq!(open_under(dir.path(), "boot 2").unwrap().1.len(), 209);
}

#[test]
fn a_missing_file_is_a_gap() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path(), 500));
    let found = files::list(dir.path()).unwrap();
    fs::remove_file(&found[1].path).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, JournalError::Gap { record, .. } if record == found[1].first_seq), "{error}");
}

#[test]
fn a_journal_whose_files_are_gone_does_not_begin_again_as_if_there_had_been_none() {
    let dir = TempDir::new().unwrap();
    let mut journal = filled(dir.path(), 5);
    journal.sync().unwrap();
    drop(journal);
    fs::remove_file(files::segment_path(dir.path(), 1)).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, JournalError::Gap { record: 1, .. }), "{error}");
}

#[test]
fn files_that_were_put_back_are_noticed() {
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut journal = filled(dir.path(), 5);
    journal.sync().unwrap();
    drop(journal);
    let path = files::segment_path(dir.path(), 1);
    fs::copy(&path, copy.path().join("before")).unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    assert_eq!(journal.lost(), None);
    fill(&mut journal, 5);
    journal.sync().unwrap();
    drop(journal);
    fs::copy(copy.path().join("before"), &path).unwrap();
    for _ in 0..2 {
        let (journal, records) = open(dir.path()).unwrap();
        assert_eq!((records.len(), journal.lost()), (6, Some(11)));
    }
}

#[test]
fn a_file_that_was_exchanged_is_noticed() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut journal = filled(dir.path(), 5);
    journal.sync().unwrap();
    drop(journal);
    let (mut journal, _) = open(other.path()).unwrap();
    fill(&mut journal, 9);
    drop(journal);
    fs::copy(files::segment_path(other.path(), 1), files::segment_path(dir.path(), 1)).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, JournalError::Swapped { record: 6, .. }), "{error}");
}

/// What is done to one file.
#[derive(Clone, Debug)]
enum Harm {
    Flip { at: prop::sample::Index, by: u8 },
    Cut { at: prop::sample::Index },
}

fn harms() -> impl Strategy<Value = (prop::sample::Index, Harm, bool)> {
    let at = any::<prop::sample::Index>;
    let harm = prop_oneof![
        3 => (at(), 1..=u8::MAX).prop_map(|(at, by)| Harm::Flip { at, by }),
        1 => at().prop_map(|at| Harm::Cut { at }),
    ];
    (at(), harm, any::<bool>())
}

/// Harms a copy of the journal in `from` and opens it: what comes out, and whether the harm is before the last record.
fn harmed(from: &[(PathBuf, Vec<u8>)], file: usize, harm: &Harm, same_boot: bool) -> Opened {
    let dir = TempDir::new().unwrap();
    for (index, (path, bytes)) in from.iter().enumerate() {
        let mut bytes = bytes.clone();
        match harm {
            _ if index != file => {}
            Harm::Flip { at, by } => *at.get_mut(&mut bytes) ^= by,
            Harm::Cut { at } => bytes.truncate(at.index(bytes.len())),
        }
        fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    open_under(dir.path(), if same_boot { "boot 1" } else { "boot 2" })
}

#[test]
fn whatever_byte_is_changed_and_wherever_it_is_cut_the_records_are_a_beginning_or_refused() {
    let dir = TempDir::new().unwrap();
    let mut journal = filled(dir.path(), 100);
    journal.sync().unwrap();
    let durable = usize::try_from(journal.seq()).unwrap();
    fill(&mut journal, 120);
    drop(journal);
    let segments: Vec<PathBuf> =
        files::list(dir.path()).unwrap().into_iter().map(|found| found.path).collect();
    assert!(segments.len() > 2);
    let all: Vec<(u64, Record)> = {
        let mark = fs::read(dir.path().join("mark")).unwrap();
        let all = open(dir.path()).unwrap().1;
        fs::write(dir.path().join("mark"), mark).unwrap();
        all
    };
    let paths = segments.iter().cloned().chain([dir.path().join("mark")]);
    let from: Vec<(PathBuf, Vec<u8>)> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) };
    TestRunner::new(config)
        .run(&harms(), |(file, harm, same_boot)| {
            let file = file.index(segments.len());
            let Ok((journal, records)) = harmed(&from, file, &harm, same_boot) else { return Ok(()) };
            prop_assert!(records.len() <= all.len() && records == all[..records.len()], "another record");
            prop_assert!(
                records.len() >= durable || journal.lost().is_some(),
                "{} of {durable} durable records, and nothing is said",
                records.len()
            );
            if same_boot && matches!(harm, Harm::Flip { .. }) {
                // Only the last record can have been torn while the kernel ran on.
                prop_assert!(
                    records.len() + 1 >= all.len(),
                    "{} records went silently",
                    all.len() - records.len()
                );
            }
            Ok(())
        })
        .unwrap();
}
