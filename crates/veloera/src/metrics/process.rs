//! The process itself, under the names that every exporter gives it.

use std::fmt;

use procfs::{WithCurrentSystemInfo, process::LimitValue};

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
    let fds_max = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    });
    gauge("process_max_fds", "The most file descriptors that it may have open", fds_max)?;
    let started = stat.as_ref().and_then(|stat| {
        Some(procfs::boot_time_secs().ok()? + stat.starttime / procfs::ticks_per_second().max(1))
    });
    gauge("process_start_time_seconds", "When it was started, in seconds since 1970", started)?;
    let Some(stat) = stat else { return Ok(()) };
    let ticks = stat.utime.saturating_add(stat.stime);
    let ms = ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1);
    page.seconds("process_cpu_seconds", "User and system time", ms)
}
