//! CPU time of a process tree, and on which of its threads it was spent.

use super::processes::{self, stat};

/// The groups of threads that the gateway has; what is left over belongs to the last.
pub(super) const GROUPS: [&str; 5] = ["relay", "ledger", "control", "sqlite", "rest"];
const REST: usize = GROUPS.len() - 1;

/// CPU time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) total: u64,
    pub(super) groups: [u64; GROUPS.len()],
}

impl Cpu {
    /// What a process tree has spent up to now.
    pub(super) fn of_tree(root: u32) -> Self {
        let mut cpu = Self::default();
        for pid in processes::tree(root) {
            // The process counts its dead threads too, so the total is taken there.
            let Some(process) = stat(&format!("/proc/{pid}/stat")) else { continue };
            cpu.total += micros(process.ticks);
            let folder = format!("/proc/{pid}/task");
            for thread in processes::numbers(&folder) {
                if let Some(thread) = stat(&format!("{folder}/{thread}/stat")) {
                    cpu.groups[group(&thread.name)] += micros(thread.ticks);
                }
            }
        }
        cpu.groups[REST] = 0;
        cpu.groups[REST] = cpu.total.saturating_sub(cpu.groups.iter().sum());
        cpu
    }

    /// What was spent since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        let mut groups = self.groups;
        for (group, before) in groups.iter_mut().zip(earlier.groups) {
            *group = group.saturating_sub(before);
        }
        Self { total: self.total.saturating_sub(earlier.total), groups }
    }
}

fn group(thread: &str) -> usize {
    let place = GROUPS[..REST].iter().position(|group| thread.starts_with(group));
    // The database's threads are named by what they serve, then by what they are.
    let sqlite = GROUPS.iter().position(|group| thread.contains("sqlite") && *group == "sqlite");
    place.or(sqlite).unwrap_or(REST)
}

fn micros(ticks: u64) -> u64 {
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use super::{Cpu, GROUPS, REST, group};

    #[test]
    fn a_thread_is_counted_by_its_name() {
        assert_eq!(GROUPS[group("relay-3")], "relay");
        assert_eq!(GROUPS[group("eventlog-sqlite")], "sqlite");
        assert_eq!(group("veloera"), REST);
    }

    #[test]
    fn what_is_spent_is_what_came_since() {
        let before = Cpu { total: 10, groups: [1, 2, 3, 4, 0] };
        let after = Cpu { total: 30, groups: [5, 5, 5, 5, 10] };
        assert_eq!(after.since(before), Cpu { total: 20, groups: [4, 3, 2, 1, 10] });
    }
}
