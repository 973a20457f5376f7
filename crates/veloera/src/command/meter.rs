//! How far a long reading has come, for whoever waits at a terminal: one line, gone when the reading ends.

use std::io::{IsTerminal, Stderr, Write};

use eventlog::Progress;
use ledger::NodeClock;

use crate::environment::Machine;

/// How many events pass between two looks at the clock.
const STRIDE: u64 = 1_000;
/// How long a line stands at least, in milliseconds.
const PAUSE_MS: u64 = 300;
/// Back to the start of the line, and clears it.
const CLEARED: &str = "\r\x1b[2K";

/// The line. Dropping it clears it.
pub(in crate::command) struct Meter<W: Write, C> {
    out: Option<W>,
    clock_ms: C,
    due_ms: u64,
    shown: bool,
}

impl Meter<Stderr, fn() -> u64> {
    /// On a terminal only.
    pub(in crate::command) fn stderr() -> Self {
        let stderr = std::io::stderr();
        Self::new(stderr.is_terminal().then_some(stderr))
    }

    /// The same, but not on a terminal that shows what is read.
    pub(in crate::command) fn beside_stdout() -> Self {
        if std::io::stdout().is_terminal() { Self::new(None) } else { Self::stderr() }
    }

    fn new(out: Option<Stderr>) -> Self {
        // What is read before anybody wonders needs no line.
        let due_ms = Machine.boot_ms() + PAUSE_MS;
        Self { out, clock_ms: || Machine.boot_ms(), due_ms, shown: false }
    }
}

impl<W: Write, C: Fn() -> u64> Meter<W, C> {
    /// Takes note of an event; few of them show.
    pub(in crate::command) fn seen(&mut self, progress: Progress) {
        let Some(out) = &mut self.out else { return };
        if !progress.position.is_multiple_of(STRIDE) {
            return;
        }
        let now_ms = (self.clock_ms)();
        if now_ms < self.due_ms {
            return;
        }
        self.due_ms = now_ms + PAUSE_MS;
        self.shown = true;
        let Progress { log, position, end } = progress;
        // Where the terminal is gone there is nobody to tell.
        let _ = write!(out, "{CLEARED}{log} log: {position} of {end} events").and_then(|()| out.flush());
    }
}

impl<W: Write, C> Drop for Meter<W, C> {
    fn drop(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown) {
            let _ = write!(out, "{CLEARED}").and_then(|()| out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use domain::Log;
    use eventlog::Progress;

    use super::{CLEARED, Meter, PAUSE_MS, STRIDE};

    /// What is shown of `count` events where `ms_each` pass with each.
    fn shown(count: u64, ms_each: u64) -> String {
        let mut out = Vec::new();
        let now = Cell::new(1);
        let mut meter = Meter { out: Some(&mut out), clock_ms: || now.get(), due_ms: 0, shown: false };
        for position in 1..=count {
            now.set(now.get() + ms_each);
            meter.seen(Progress { log: Log::Ledger, position, end: count });
        }
        drop(meter);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_short_reading_shows_nothing() {
        assert_eq!(shown(STRIDE - 1, 1), "");
    }

    #[test]
    fn a_line_replaces_the_one_before_and_the_last_one_is_cleared() {
        let (first, second) = (STRIDE, 2 * STRIDE);
        let line = |position| format!("{CLEARED}ledger log: {position} of {second} events");
        assert_eq!(shown(second, 1), format!("{}{}{CLEARED}", line(first), line(second)));
    }

    #[test]
    fn however_fast_the_reading_a_line_stands_for_its_time() {
        // All the strides of one pause, in which the clock does not move.
        assert_eq!(shown(50 * STRIDE, 0).matches("events").count(), 1);
        assert_eq!(shown(3 * STRIDE, PAUSE_MS).matches("events").count(), 3);
    }
}
