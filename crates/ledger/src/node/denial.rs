//! Refusals, kept for a moment: a flood of calls that nobody can pay does not reach the ledger.
//!
//! A refusal is relied upon only while everything that the log says has been heeded, and it goes as soon as the log
//! says something that may have made it untrue.

use std::collections::{HashMap, HashSet};

use domain::{AccountId, Nanos, account::AccountRefusal};
use parking_lot::Mutex;

use crate::{port::GrantError, step::Shortage};

/// How long a refusal is kept, in milliseconds.
const DENIAL_MS: u64 = 1_500;
/// The most accounts whose refusals are kept.
const DENIALS_MAX: usize = 10_000;

struct Denial {
    refusal: AccountRefusal,
    /// What was asked for: less than that might be had.
    needed: Nanos,
    until_ms: u64,
}

/// What the ledger refused lately.
#[derive(Default)]
pub(super) struct Denials(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_account: HashMap<AccountId, Denial>,
    /// How far the log was heeded; where it is not heeded nothing can be relied upon.
    heeded: Option<u64>,
    /// How often something was said that may have made a refusal untrue.
    raised: u64,
}

/// A question on its way to the ledger.
pub(super) struct Asking<'a> {
    denials: &'a Denials,
    raised: u64,
}

impl Denials {
    #[cfg(test)]
    pub(super) fn is_up_to_date(&self, head: u64) -> bool {
        self.0.lock().heeded.is_some_and(|heeded| head <= heeded)
    }

    /// Of these accounts more may be had than was; of all where it is not known of which. That is all up to `heeded`.
    pub(super) fn heed(&self, raised: Option<&HashSet<AccountId>>, heeded: u64) {
        let mut kept = self.0.lock();
        match raised {
            Some(accounts) if accounts.is_empty() => {}
            Some(accounts) => {
                kept.raised += 1;
                kept.by_account.retain(|account_id, _| !accounts.contains(account_id));
            }
            None => {
                kept.raised += 1;
                kept.by_account.clear();
            }
        }
        kept.heeded = Some(heeded);
    }

    /// Why `floor` cannot be had on one of these accounts, where that is known while the log is at `head`.
    pub(super) fn of(&self, short: &[Shortage], floor: Nanos, head: u64, now_ms: u64) -> Option<GrantError> {
        let kept = self.0.lock();
        if kept.heeded.is_none_or(|heeded| heeded < head) {
            return None;
        }
        short.iter().find_map(|Shortage { account_id, .. }| {
            let denial = kept.by_account.get(account_id)?;
            let holds = now_ms < denial.until_ms && floor >= denial.needed;
            holds.then(|| GrantError::Refused { account_id: *account_id, refusal: denial.refusal.clone() })
        })
    }

    /// A question goes to the ledger.
    pub(super) fn asking(&self) -> Asking<'_> {
        Asking { denials: self, raised: self.0.lock().raised }
    }
}

impl Asking<'_> {
    /// The ledger refuses `needed`. What was said meanwhile may have made that untrue already: then it is not kept.
    pub(super) fn refused(
        &self,
        account_id: AccountId,
        refusal: &AccountRefusal,
        needed: Nanos,
        now_ms: u64,
    ) {
        let mut kept = self.denials.0.lock();
        if kept.heeded.is_none() || kept.raised != self.raised {
            return;
        }
        if kept.by_account.len() >= DENIALS_MAX {
            kept.by_account.retain(|_, denial| now_ms < denial.until_ms);
        }
        if kept.by_account.len() < DENIALS_MAX {
            let until_ms = now_ms.saturating_add(DENIAL_MS);
            kept.by_account.insert(account_id, Denial { refusal: refusal.clone(), needed, until_ms });
        }
    }
}
