//! The file that an export is written to, and what an earlier one has left in it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail};
use domain::Log;

use super::{line::Last, tail::Tail};

/// How every line begins.
const BEGIN: &[u8] = b"{\"log\":\"";

/// Where a file ends.
#[derive(Debug)]
pub(super) struct End {
    /// The last event of each log that was looked for, and of those that were met on the way.
    pub(super) lasts: Vec<Last>,
    /// The length up to the end of the last whole line.
    pub(super) bytes: u64,
}

/// Opens it for one process alone, and makes it where it is missing: only for its owner, since it is all that is known
/// of everybody's money.
pub(super) fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(0o600).open(path);
    let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("{} is being written by another process", path.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

/// Looks from its end for the last event of each of `logs`.
pub(super) fn end(file: &File, logs: &[Log]) -> anyhow::Result<End> {
    let (mut tail, torn) = Tail::of(file)?;
    let bytes = file.metadata()?.len() - torn.len() as u64;
    if bytes == 0 && !torn.iter().zip(BEGIN).all(|(found, expected)| found == expected) {
        bail!("it does not begin like one");
    }
    let mut lasts: Vec<Last> = Vec::new();
    let found = |lasts: &[Last], log| lasts.iter().any(|last| last.log == log);
    while !logs.iter().all(|log| found(&lasts, *log))
        && let Some(line) = tail.line()?
    {
        let last: Last = serde_json::from_slice(&line).context("it has a line that is no event")?;
        if !found(&lasts, last.log) {
            lasts.push(last);
        }
    }
    Ok(End { lasts, bytes })
}

/// Cuts off what stands behind the last whole line.
pub(super) fn cut(file: &File, bytes: u64) -> io::Result<()> {
    if file.metadata()?.len() > bytes { file.set_len(bytes) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use domain::Log::{Control, Ledger};

    use super::{End, cut, end, open};

    fn line(log: &str, position: u64) -> String {
        let id = uuid::Uuid::from_u128(position.into());
        format!("{{\"log\":\"{log}\",\"position\":{position},\"event_id\":\"{id}\",\"leaf_hash\":\"ab\"}}\n")
    }

    /// Where a file of `text` ends for one who looks for these logs, or why it is no export.
    fn ends(text: &str, logs: &[domain::Log]) -> Result<(Vec<(domain::Log, u64)>, u64), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        fs::write(&path, text).unwrap();
        let found = end(&open(&path).unwrap(), logs);
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "looking changes nothing");
        let End { lasts, bytes } = found.map_err(|error| error.to_string())?;
        Ok((lasts.into_iter().map(|last| (last.log, last.position)).collect(), bytes))
    }

    #[test]
    fn the_last_event_of_each_log_is_found_however_they_are_mixed() {
        let text = [line("control", 1), line("ledger", 4), line("control", 2), line("control", 3)].concat();
        let length = text.len() as u64;
        assert_eq!(ends(&text, &[Control]), Ok((vec![(Control, 3)], length)));
        assert_eq!(ends(&text, &[Control, Ledger]), Ok((vec![(Control, 3), (Ledger, 4)], length)));
        let torn = format!("{text}{{\"log\":\"led");
        assert_eq!(ends(&torn, &[Ledger]), Ok((vec![(Control, 3), (Ledger, 4)], length)));
        assert_eq!(ends(&line("ledger", 4), &[Control]).unwrap().0, [(Ledger, 4)]);
    }

    #[test]
    fn an_empty_file_and_a_torn_first_line_begin_anew() {
        for text in ["", "{\"lo", "{\"log\":\"ledger\",\"pos"] {
            assert_eq!(ends(text, &[Ledger]), Ok((Vec::new(), 0)), "{text}");
        }
    }

    #[test]
    fn what_is_no_export_is_left_alone() {
        for text in ["my only copy", "my only copy\n", "{\"log\":\"ledger\"}\n", "{\"log\":\"other\"}\n\n"] {
            assert!(ends(text, &[Ledger]).is_err(), "{text}");
        }
    }

    #[test]
    fn one_process_writes_a_file_and_goes_on_behind_what_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        let mut file = open(&path).unwrap();
        assert!(open(&path).is_err(), "the first one still writes");
        file.write_all(b"whole\ntorn").unwrap();
        cut(&file, 6).unwrap();
        file.write_all(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nnext\n");
    }
}
