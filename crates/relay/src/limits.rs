//! How much one token and one user may ask for: calls and tokens within any minute, and calls at once, counted in
//! memory. What it costs is the ledger's.

mod admission;
mod book;
mod counter;
mod rates;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;

pub(crate) use self::admission::Admission;
use self::book::{Book, Subject};
pub use self::rates::{Rate, Rates};
use crate::{Caller, Clock};

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metered {
    /// Calls within a minute.
    Requests,
    /// Tokens within a minute.
    Tokens,
    /// Calls at once.
    Concurrency,
    /// Callers with limits, over all of them.
    Callers,
}

/// A call that is one too many.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.told())]
pub struct Limited {
    /// What there was too much of.
    pub metered: Metered,
    /// How much of it is allowed.
    pub limit: u64,
    /// When the call would be admitted, as far as is known now; never where it asks for more than is ever allowed.
    pub wait_ms: Option<u64>,
    /// What is left.
    pub rates: Rates,
}

impl Limited {
    fn told(&self) -> String {
        let limit = self.limit;
        match (self.metered, self.wait_ms) {
            (Metered::Requests, _) => {
                format!("this key may send {limit} requests a minute; send them slower")
            }
            (Metered::Tokens, Some(_)) => {
                format!("this key may use {limit} tokens a minute; send them slower")
            }
            (Metered::Tokens, None) => {
                format!(
                    "this request may take more than the {limit} tokens a minute of this key; make it shorter"
                )
            }
            (Metered::Callers, _) => "too many callers are counted here now; try again".to_owned(),
            (Metered::Concurrency, _) => {
                format!("this key may have {limit} calls open at once; end some first")
            }
        }
    }
}

/// The counters of every caller that is limited.
pub(crate) struct Limits {
    book: Mutex<Book>,
    clock: Arc<dyn Clock>,
}

impl Limits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), clock })
    }

    /// Counts a call that is expected to take so many tokens, unless it is one too many. It counts as open until the
    /// admission is dropped.
    pub(crate) fn admit(self: &Arc<Self>, caller: &Caller, tokens: u64) -> Result<Admission, Box<Limited>> {
        let mut subjects = Vec::new();
        let limits = caller.limits;
        for (subject, limits) in
            [(Subject::Token(caller.token_id), limits.token), (Subject::User(caller.user_id), limits.user)]
        {
            if !limits.is_none() {
                subjects.push((subject, limits));
            }
        }
        if subjects.is_empty() {
            return Ok(Admission::unlimited());
        }
        let now_ms = self.clock.boot_ms();
        let rates = self.book.lock().admit(&subjects, tokens, now_ms)?;
        let subjects = subjects.into_iter().map(|(subject, _)| subject).collect();
        Ok(Admission::new(Arc::clone(self), subjects, tokens, now_ms, rates))
    }

    fn end(&self, subjects: &[Subject], expected: u64, used: u64, admitted_ms: u64) {
        let now_ms = self.clock.boot_ms();
        self.book.lock().end(subjects, expected, used, admitted_ms, now_ms);
    }
}
