//! What every account came to at some position of the ledger log, from the events alone.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountId, Aggregate, Log, TimeStamp, account::Account};
use eventlog::{LogFault, LogReader, Progress, Recorded, StoreError, verify};

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
    let faults = verify(&mut snapshot, log, to, 1, async |_, page| {
        page.iter().try_for_each(|event| {
            seen(Progress { log, position: event.position, end: to });
            replay.event(event)
        })
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

#[cfg(test)]
mod tests {
    use domain::{Log, account::AccountCommand};
    use eventlog::LogFault;
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

    use super::{Replay, replay};
    use crate::{
        Ask, LedgerPort, Link, ScopeAsk, accounts,
        fixtures::{JOURNAL, Ledger, PAYER, lease, nanos, settlement},
        journal::Framed,
        record::Record,
    };

    async fn replayed(ledger: &Ledger, to: u64) -> Replay {
        replay(ledger.log.reader(), to, |_| ()).await.unwrap()
    }

    #[tokio::test]
    async fn as_of_each_position_an_account_is_what_its_table_said_then() {
        let ledger = Ledger::with(100).await;
        let mut then = Vec::new();
        let mut note = async |ledger: &Ledger| {
            let row = accounts::find(ledger.log.read_pool(), PAYER).await.unwrap().unwrap();
            then.push((ledger.log.reader().heads().await.unwrap().ledger, row));
        };
        note(&ledger).await;
        let (need, rate) = (nanos(60), nanos(0));
        let scope = ScopeAsk { account_id: PAYER, lease_id: lease(1), need, floor: need, rate, budget: None };
        ledger.bank.grant(Ask { journal_id: JOURNAL, scopes: vec![scope] }).await.unwrap();
        note(&ledger).await;
        let payload = Record::Settle(Box::new(settlement(25))).encode().unwrap();
        let link = Link::default().next(&payload);
        ledger.bank.ingest(JOURNAL, vec![Framed { seq: 1, payload, link }]).await.unwrap();
        note(&ledger).await;
        ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
        note(&ledger).await;
        for (position, row) in then {
            let replay = replayed(&ledger, position).await;
            assert_eq!((replay.position, replay.fault), (position, None));
            assert_eq!(replay.recorded_at, Some(row.updated_at));
            assert_eq!(replay.accounts[&PAYER], row, "as of {position}");
        }
        assert_eq!(replayed(&ledger, 0).await, Replay::default());
    }

    #[tokio::test]
    async fn a_changed_event_is_told_only_where_it_counts() {
        let ledger = Ledger::with(100).await;
        let path = ledger.dir.path().join("ledger.db");
        let options = SqliteConnectOptions::new().filename(path);
        let mut intruder = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("DROP TRIGGER ledger_events_no_update").execute(&mut intruder).await.unwrap();
        let sql = "UPDATE ledger_events SET payload = replace(payload, '100', '900') WHERE position = 3";
        let changed = sqlx::query(sql).execute(&mut intruder).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        assert_eq!(replayed(&ledger, 2).await.fault, None);
        let fault = LogFault::Changed { log: Log::Ledger, position: 3 };
        assert_eq!(replayed(&ledger, 3).await.fault, Some(fault));
    }
}
