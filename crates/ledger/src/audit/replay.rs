//! What every account came to at some position of the ledger log, from the events alone.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountId, Aggregate, Log, TimeStamp, account::Account};
use eventlog::{LogFault, LogReader, Recorded, StoreError, verify};

use super::Progress;
use crate::accounts::{AccountRow, account_event};

/// The accounts as of a position of the ledger log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The last event that was taken in; 0 before the first.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: Option<TimeStamp>,
    /// Every account that an event up to there names.
    pub accounts: BTreeMap<AccountId, AccountRow>,
    /// The first thing that is wrong with the log up to there; what was folded then proves nothing.
    pub fault: Option<LogFault>,
}

/// Folds the ledger log up to `to`, verifying it on the way; `seen` hears of every event that is read.
///
/// # Errors
/// When the database cannot be read, or an event cannot.
pub async fn replay(
    reader: &LogReader,
    to: u64,
    mut seen: impl FnMut(Progress),
) -> Result<Replay, StoreError> {
    let log = Log::Ledger;
    let mut snapshot = reader.snapshot().await?;
    let mut replay = Replay::default();
    let faults = verify(&mut snapshot, log, to, 1, |event| {
        seen(Progress { log, position: event.position, end: to });
        replay.event(event)
    })
    .await?;
    replay.fault = faults.into_iter().next();
    Ok(replay)
}

impl Replay {
    fn event(&mut self, recorded: &Recorded) -> Result<(), StoreError> {
        let at = recorded.recorded_at;
        (self.position, self.recorded_at) = (recorded.position, Some(at));
        let Some((id, event)) = account_event(recorded)? else { return Ok(()) };
        for account_id in event.touched(id).collect::<BTreeSet<_>>() {
            let row = self.accounts.entry(account_id).or_insert_with(|| AccountRow {
                account: Account::default(),
                version: 0,
                opened_at: at,
                updated_at: at,
            });
            row.account.evolve(&event);
            row.version += 1;
            row.updated_at = at;
        }
        Ok(())
    }
}
