//! The process itself, under the names that every exporter gives it.

use std::fmt;

use procfs::WithCurrentSystemInfo;

use super::{Labels, Page};

/// What cannot be read is left out.
pub(super) fn encode(page: &mut Page<'_>) -> fmt::Result {
    let Ok(process) = procfs::process::Process::myself() else { return Ok(()) };
    let mut gauge = |name, help, value: Option<u64>| match value {
        Some(value) => page.gauge(name, help, [(Labels::new(), value)]),
        None => Ok(()),
    };
    let stat = process.stat().ok();
    let resident = stat.as_ref().map(|stat| stat.rss_bytes().get());
    gauge("process_resident_memory_bytes", "Resident memory", resident)?;
    let threads = stat.as_ref().and_then(|stat| u64::try_from(stat.num_threads).ok());
    gauge("process_threads", "Threads", threads)?;
    let fds = process.fd_count().ok().and_then(|count| u64::try_from(count).ok());
    gauge("process_open_fds", "Open file descriptors", fds)?;
    let Some(stat) = stat else { return Ok(()) };
    let ticks = stat.utime.saturating_add(stat.stime);
    let ms = ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1);
    page.seconds("process_cpu_seconds", "User and system time", ms)
}
