//! The real ledger over a real log, with accounts from which calls can be paid.

use std::sync::Arc;

use domain::{
    Aggregate, Log, UserId,
    account::{Account, AccountCommand, AccountRefusal, LeaseAsk, Limit, Owner},
};
use eventlog::{Database, EventLog, Metadata, NewEvent, StreamAppend, stream_name};
use ledger::{Bank, BankClock, BankOptions, LedgerPort, accounts::Accounts, journal::Framed};
use projections::Calls;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    log,
    sample::{self, ACCOUNTS, JOURNAL, MORNING, PAID_IN},
};

/// How many accounts are opened in one transaction.
const OPENED_AT_ONCE: usize = 500;
/// More than anyone spends of it.
const LEASED: u64 = 900_000_000_000;
const TTL_MS: u64 = 60_000;

/// A log whose appender works, and the bank over it.
pub(super) struct Ledger {
    pub(super) log: EventLog,
    bank: Bank,
    appender: JoinSet<()>,
}

/// No lease of a bench is reclaimed: for it no time passes.
struct Standing;

impl BankClock for Standing {
    fn monotonic_ms(&self) -> u64 {
        0
    }
}

impl Ledger {
    /// The ledger in this database.
    pub(super) async fn open(database: impl Into<Database>) -> Self {
        let (log, appender) = log::open(database, Arc::new(Accounts), vec![Calls::COMPONENT]).await;
        let bank =
            Bank::open(log.clone(), BankOptions::new(Arc::new(Standing))).await.expect("the ledger opens");
        Self { log, bank, appender }
    }

    /// The same, with every account of the sample: paid in, and a part of that leased.
    pub(super) async fn with_accounts(database: impl Into<Database>) -> Self {
        let ledger = Self::open(database).await;
        let numbers: Vec<usize> = (0..ACCOUNTS).collect();
        for numbers in numbers.chunks(OPENED_AT_ONCE) {
            let appends: Vec<StreamAppend> = numbers.iter().map(|number| opened(*number)).collect();
            let appended = ledger.log.transact::<_, AccountRefusal, _>(Metadata::default(), |tx| {
                Box::pin(async move { Ok(tx.append(appends).await?) })
            });
            appended.await.expect("accounts are opened");
        }
        ledger
    }

    /// Where nodes have their quota from and bring their journals.
    pub(super) fn port(&self) -> Arc<dyn LedgerPort> {
        Arc::new(self.bank.clone())
    }

    /// Takes an upload in.
    pub(super) async fn ingest(&self, records: Vec<Framed>) {
        let last = records.last().map(|record| record.seq);
        let cursor = self.bank.ingest(JOURNAL, records).await.expect("the upload is taken in");
        assert_eq!(Some(cursor.seq), last, "not all of it was taken in");
    }

    /// Lets go of the database, and waits until it is.
    pub(super) async fn close(self) {
        let Self { log, bank, appender } = self;
        drop(bank);
        log::close(log, appender).await;
    }
}

/// All that happens to an account until calls can be paid from it, as its own rules decide.
fn opened(number: usize) -> StreamAppend {
    let account_id = sample::account(number);
    let owner = Owner::User(UserId(Uuid::from_u128(number as u128 + 1)));
    let need = domain::Nanos::new(LEASED).expect("an amount");
    let ask = LeaseAsk {
        lease_id: sample::lease(number),
        journal_id: JOURNAL,
        need,
        floor: need,
        rate: domain::Nanos::ZERO,
        nodes: 1,
        ttl_ms: TTL_MS,
        now: MORNING,
    };
    let commands = [
        AccountCommand::Open { account_id, owner, limit: Limit::Prepaid },
        AccountCommand::Deposit { amount: PAID_IN, reason: "for the bench".into() },
        AccountCommand::Lease(ask),
    ];
    let mut account = Account::default();
    let mut events = Vec::new();
    for command in commands {
        for event in account.decide(command).expect("nothing is against it") {
            account.evolve(&event);
            events.push(NewEvent::of(&event).expect("an event can be written"));
        }
    }
    let stream = stream_name(Account::KIND, &account_id.to_string());
    StreamAppend { log: Log::Ledger, stream, expected: Some(0), events, trace: None }
}
