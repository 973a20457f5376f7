//! What waits to be sent or counted: so much, and what is beyond is dropped and told. Nobody who puts something in waits.

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_proto::tonic::{logs::v1::LogRecord, trace::v1::Span};
use parking_lot::Mutex;

/// The most that waits of one kind.
const WAITING_MAX: usize = 8_192;

/// Spans and log records on their way to a collector.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) spans: Waiting<Span>,
    pub(crate) logs: Waiting<LogRecord>,
}

/// What waits of one kind.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    most: usize,
    items: Mutex<Vec<T>>,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            most: WAITING_MAX,
            items: Mutex::default(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl<T> Waiting<T> {
    /// Room for no more than so many.
    pub(super) fn at_most(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Puts it in, if there is room.
    pub(crate) fn put(&self, item: T) {
        let mut items = self.items.lock();
        if items.len() < self.most {
            items.push(item);
        } else {
            self.lost(1);
        }
    }

    /// All that waits.
    pub(super) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.items.lock())
    }

    pub(super) fn sent(&self, items: usize) {
        self.sent.fetch_add(items as u64, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, items: usize) {
        self.dropped.fetch_add(items as u64, Ordering::Relaxed);
    }

    /// How many wait, were sent, and were dropped.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let waiting = self.items.lock().len() as u64;
        [waiting, self.sent.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed)]
    }
}

#[cfg(test)]
mod tests {
    use super::{WAITING_MAX, Waiting};

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let waiting = Waiting::default();
        (0..WAITING_MAX + 3).for_each(|item| waiting.put(item));
        assert_eq!(waiting.counts(), [WAITING_MAX as u64, 0, 3]);
        assert_eq!(waiting.take().len(), WAITING_MAX);
        waiting.put(0);
        assert_eq!(waiting.counts(), [1, 0, 3], "there is room again");
    }
}
