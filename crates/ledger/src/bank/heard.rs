//! When each journal was last heard of, by this process's own clock.

use std::{collections::HashMap, sync::Arc};

use domain::JournalId;
use parking_lot::Mutex;

/// The most journals that are remembered.
const JOURNALS_MAX: usize = 4_096;
/// A journal that was heard of within so many milliseconds is of a node that shares what is available.
const ACTIVE_MS: u64 = 60_000;

/// Tells how time passes: it never jumps, and stands still while the machine sleeps, when nobody could be heard.
pub trait BankClock: Send + Sync + 'static {
    /// Milliseconds since some moment.
    fn monotonic_ms(&self) -> u64;
}

pub(super) struct Heard {
    clock: Arc<dyn BankClock>,
    inner: Mutex<Inner>,
}

struct Inner {
    journals: HashMap<JournalId, u64>,
    /// Of whom nothing is remembered may have been heard of as late as this.
    floor_ms: u64,
}

impl Heard {
    pub(super) fn new(clock: Arc<dyn BankClock>) -> Self {
        let inner = Inner { journals: HashMap::new(), floor_ms: clock.monotonic_ms() };
        Self { clock, inner: Mutex::new(inner) }
    }

    pub(super) fn hear(&self, journal_id: JournalId) {
        let now_ms = self.clock.monotonic_ms();
        let mut inner = self.inner.lock();
        // What is forgotten counts as heard of just now: nobody is ever taken for more silent than they were.
        if inner.journals.len() >= JOURNALS_MAX && !inner.journals.contains_key(&journal_id) {
            inner.journals.clear();
            inner.floor_ms = now_ms;
        }
        inner.journals.insert(journal_id, now_ms);
    }

    /// For how long nothing was heard of a journal, as far as this process can tell.
    pub(super) fn silent_ms(&self, journal_id: JournalId) -> u64 {
        let now_ms = self.clock.monotonic_ms();
        let inner = self.inner.lock();
        let heard_ms = inner.journals.get(&journal_id).copied().unwrap_or(inner.floor_ms);
        now_ms.saturating_sub(heard_ms)
    }

    /// How many nodes share what is available; at least the one that asks.
    pub(super) fn nodes(&self) -> u64 {
        let now_ms = self.clock.monotonic_ms();
        let inner = self.inner.lock();
        let active = inner.journals.values().filter(|heard_ms| now_ms.saturating_sub(**heard_ms) < ACTIVE_MS);
        (active.count() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use domain::JournalId;
    use uuid::Uuid;

    use super::{ACTIVE_MS, BankClock, Heard, JOURNALS_MAX};

    struct Hand(AtomicU64);

    impl BankClock for Hand {
        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn journal(n: usize) -> JournalId {
        JournalId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn a_journal_is_as_silent_as_it_was_last_heard_of_else_as_this_process_is_old() {
        let hand = Arc::new(Hand(AtomicU64::new(700)));
        let heard = Heard::new(hand.clone());
        hand.0.store(1_000, Ordering::Relaxed);
        assert_eq!(heard.silent_ms(journal(1)), 300);
        heard.hear(journal(1));
        hand.0.store(1_050, Ordering::Relaxed);
        assert_eq!((heard.silent_ms(journal(1)), heard.silent_ms(journal(2))), (50, 350));
    }

    #[test]
    fn nodes_are_those_heard_of_within_the_last_minute_and_never_none() {
        let hand = Arc::new(Hand(AtomicU64::new(0)));
        let heard = Heard::new(hand.clone());
        assert_eq!(heard.nodes(), 1);
        heard.hear(journal(1));
        heard.hear(journal(2));
        hand.0.store(ACTIVE_MS - 1, Ordering::Relaxed);
        heard.hear(journal(3));
        assert_eq!(heard.nodes(), 3);
        hand.0.store(ACTIVE_MS, Ordering::Relaxed);
        assert_eq!(heard.nodes(), 1);
    }

    #[test]
    fn what_is_forgotten_never_looks_more_silent_than_it_was() {
        let hand = Arc::new(Hand(AtomicU64::new(0)));
        let heard = Heard::new(hand.clone());
        for n in 0..=JOURNALS_MAX {
            hand.0.fetch_add(1, Ordering::Relaxed);
            heard.hear(journal(n));
        }
        for n in 0..=JOURNALS_MAX {
            assert!(heard.silent_ms(journal(n)) <= (JOURNALS_MAX - n) as u64, "{n}");
        }
    }
}
