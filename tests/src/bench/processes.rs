//! What the system knows of processes.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// The system keeps the peak, so that a look now and then is enough.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// One line of `/proc/…/stat`, as far as it is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name of the program or of the thread, cut by the system after 15 bytes.
    pub(super) name: String,
    parent: u32,
    /// CPU time, its own and the system's on its behalf.
    pub(super) ticks: u64,
}

/// Reads such a line, where there is one.
pub(super) fn stat(path: &str) -> Option<Stat> {
    parse(&fs::read_to_string(path).ok()?)
}

fn parse(line: &str) -> Option<Stat> {
    // A name may hold brackets and spaces, but nothing after it does.
    let (start, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Stat {
        name: start.split_once('(')?.1.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks(11)? + ticks(12)?,
    })
}

/// The numbers that are names in a folder of `/proc`.
pub(super) fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A process and all that descend from it.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let parents: BTreeMap<u32, u32> = numbers("/proc")
        .into_iter()
        .filter_map(|pid| Some((pid, stat(&format!("/proc/{pid}/stat"))?.parent)))
        .collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        tree.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    tree
}

/// What a process and its descendants hold in memory, in KiB.
pub(super) fn resident_kib(root: u32) -> u64 {
    tree(root).into_iter().filter_map(|pid| memory_kib(pid, "VmRSS:")).sum()
}

/// Runs a command to its end, and gives the most memory that it held, in KiB.
pub(super) fn peak_kib(command: &mut Command) -> (ExitStatus, u64) {
    let mut child = command.stdout(Stdio::null()).spawn().expect("the program starts");
    let mut peak = 0;
    loop {
        peak = memory_kib(child.id(), "VmHWM:").unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            return (status, peak);
        }
        thread::sleep(LOOK_PAUSE);
    }
}

fn memory_kib(pid: u32, what: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{Stat, parse, peak_kib, tree};

    #[test]
    fn a_name_may_hold_anything() {
        let line = "7 (a (b) c) S 3 7 7 0 -1 4194560 1 0 0 0 20 30 0 0 20 0 1 0 9 8 7";
        assert_eq!(parse(line), Some(Stat { name: "a (b) c".into(), parent: 3, ticks: 50 }));
        assert_eq!(parse("7 (cut off"), None);
    }

    #[test]
    fn a_child_belongs_to_the_tree() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let found = tree(std::process::id());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
    }

    #[test]
    fn the_peak_of_a_program_is_known_when_it_has_ended() {
        let (status, peak) = peak_kib(Command::new("sleep").arg("0.05"));
        assert!(status.success() && peak > 0, "{status}, {peak} KiB");
    }
}
