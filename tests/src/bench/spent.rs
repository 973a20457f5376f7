//! What a piece of work took: time, and this process's CPU.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// How much of something was done, in what time and with what CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) count: u64,
    pub(super) elapsed: Duration,
    pub(super) cpu: Duration,
}

/// A piece of work that has begun.
#[derive(Debug)]
pub(super) struct Begun(Instant, Duration);

impl Begun {
    pub(super) fn now() -> Self {
        Self(Instant::now(), cpu())
    }

    /// It is over, and so much was done.
    pub(super) fn done(self, count: u64) -> Spent {
        Spent { count, elapsed: self.0.elapsed(), cpu: cpu().saturating_sub(self.1) }
    }
}

impl Spent {
    /// This and `other`, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            elapsed: self.elapsed + other.elapsed,
            cpu: self.cpu + other.cpu,
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU microseconds for each.
    pub(super) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1_000_000.0 / self.count as f64
    }
}

/// All that this process has spent on all its threads.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(spent.tv_sec), u32::try_from(spent.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Spent;

    #[test]
    fn what_was_spent_is_counted_for_each() {
        let one = Spent { count: 100, elapsed: Duration::from_secs(1), cpu: Duration::from_millis(2) };
        let both = one.and(Spent { count: 300, ..one });
        assert!((both.per_second() - 200.0).abs() < 1e-9);
        assert!((both.cpu_micros() - 10.0).abs() < 1e-9);
    }
}
