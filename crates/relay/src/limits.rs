//! How much may be asked for: calls and tokens within any minute, and calls at once, of one token, one user, one group, one
//! model and one channel, counted in memory. What it costs is the ledger's.
//!
//! Where several nodes serve the same, each counts what it admits itself and hears in the background what the others have
//! counted (`board`). No call waits for that. Between two exchanges a node admits at most its share of a limit (`shared`),
//! which bounds what all of them let through together.

mod admission;
mod board;
mod book;
mod counter;
mod exchange;
mod limited;
mod rates;
mod shared;
mod subject;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;

use domain::CallLimits;
use parking_lot::Mutex;

use self::book::Book;
pub(crate) use self::{admission::Admission, subject::Subject};
pub use self::{
    board::{Board, BoardError, Exchanged, Said},
    book::{LimitsView, SharingView},
    limited::{Limited, Limiter, Metered},
    rates::{Rate, Rates},
};
use crate::Clock;

/// The counters of everything that is limited.
pub(crate) struct Limits {
    book: Mutex<Book>,
    clock: Arc<dyn Clock>,
}

impl Limits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), clock })
    }

    /// Counts a call that is expected to take so many tokens with each that is limited, unless it is one too many for any
    /// of them. It counts as open until the admission is dropped.
    pub(crate) fn admit(
        self: &Arc<Self>,
        limited: Vec<(Subject, CallLimits)>,
        tokens: u64,
    ) -> Result<Admission, Box<Limited>> {
        if limited.is_empty() {
            return Ok(Admission::unlimited());
        }
        let now_ms = self.clock.boot_ms();
        let rates = self.book.lock().admit(&limited, tokens, now_ms)?;
        let subjects = limited.into_iter().map(|(subject, _)| subject).collect();
        Ok(Admission::new(Arc::clone(self), subjects, tokens, now_ms, rates))
    }

    /// What is counted, for whoever watches.
    pub(crate) fn view(&self) -> LimitsView {
        self.book.lock().view(self.clock.boot_ms())
    }

    fn end(&self, subjects: &[Subject], expected: u64, used: u64, admitted_ms: u64) {
        let now_ms = self.clock.boot_ms();
        self.book.lock().end(subjects, expected, used, admitted_ms, now_ms);
    }
}
