//! The real ledger: its log, its read model and its SQL, in a database of its own.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use domain::{
    AccountId, Aggregate, Log, TimeStamp,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal, Deduction},
    price_list::{LIST_ID, PriceList, PriceListEvent},
};
use eventlog::{
    EventLog, ExecuteError, LogOptions, MasterKey, Metadata, NewEvent, PAGE_MAX, Sealer, StreamAppend,
    stream_name,
};
use ledger::{
    AuditOptions, Bank, BankOptions,
    accounts::{self, Accounts},
    audit,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    facts::{model, pinned},
    rule::{Checked, Rule, Violation, holds},
};

/// The wall clock, which is set both ways.
#[derive(Debug, Default)]
pub(crate) struct Wall(AtomicI64);

impl Wall {
    pub(crate) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> TimeStamp {
        TimeStamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl eventlog::Clock for Wall {
    fn now(&self) -> TimeStamp {
        Self::now(self)
    }
}

/// Every look at it is a minute after the last: nodes of seeds that are over share nothing with those of this one.
#[derive(Debug, Default)]
struct Minutes(AtomicU64);

impl ledger::BankClock for Minutes {
    fn monotonic_ms(&self) -> u64 {
        self.0.fetch_add(60_000, Ordering::Relaxed)
    }
}

/// One database. Seeds use it one after the other, each with accounts of its own.
pub(crate) struct Books {
    pub(crate) bank: Bank,
    pub(crate) wall: Arc<Wall>,
    log: EventLog,
    _appender: JoinSet<()>,
    dir: TempDir,
}

impl Books {
    pub(crate) async fn open() -> Checked<Self> {
        let dir = TempDir::new()?;
        let wall = Arc::new(Wall::default());
        let options = LogOptions {
            clock: wall.clone(),
            inline: vec![Arc::new(Accounts)],
            components: Vec::new(),
            sealer: Sealer::new(&MasterKey::random()?),
        };
        let (log, appender) = EventLog::open(&dir.path().join("ledger.db"), options).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(appender.run());
        let bank = Bank::open(log.clone(), BankOptions::new(Arc::new(Minutes::default()))).await?;
        let books = Self { bank, wall, log, _appender: tasks, dir };
        books.price().await?;
        Ok(books)
    }

    /// Sets the price of the only model.
    async fn price(&self) -> Checked {
        let set =
            PriceListEvent::Set { model: model()?, version: 1, price: Box::new((*pinned().price).clone()) };
        let (stream, events) = (stream_name(PriceList::KIND, LIST_ID), vec![NewEvent::of(&set)?]);
        let append = StreamAppend { log: Log::Control, stream, expected: None, events };
        let set = self.log.transact(Metadata::default(), move |tx| {
            Box::pin(async move { Ok(tx.append(vec![append]).await?) })
        });
        set.await.map(drop).map_err(|error: ExecuteError<AccountRefusal>| error.into())
    }

    /// Asks accounts, all in one transaction; each must agree.
    pub(crate) async fn decide(&self, commands: Vec<(AccountId, AccountCommand)>) -> Checked {
        let decided = self.log.transact(Metadata::default(), move |tx| {
            Box::pin(async move {
                for (id, command) in commands {
                    accounts::decide::<AccountRefusal>(tx, id, command).await?;
                }
                Ok(())
            })
        });
        decided.await.map(drop).map_err(|error: ExecuteError<AccountRefusal>| error.into())
    }

    /// Accounts as the table has them.
    pub(crate) async fn accounts(&self, ids: &BTreeSet<AccountId>) -> Checked<HashMap<AccountId, Account>> {
        let mut connection = self.log.read_pool().acquire().await?;
        let rows = accounts::load(&mut connection, ids).await?;
        Ok(rows.into_iter().map(|(id, row)| (id, row.account)).collect())
    }

    /// How many events the ledger's log has.
    pub(crate) async fn head(&self) -> Checked<u64> {
        Ok(self.log.reader().heads().await?.ledger)
    }

    /// Every charge after `after`.
    pub(crate) async fn charges(&self, mut after: u64) -> Checked<Vec<Deduction>> {
        let mut charges = Vec::new();
        loop {
            let page = self.log.reader().read(Log::Ledger, after, PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(charges) };
            after = last.position;
            for recorded in &page {
                if let AccountEvent::QuotaDeducted(deduction) = eventlog::decode(recorded)? {
                    charges.push(*deduction);
                }
            }
        }
    }

    /// Asserts that the audit finds nothing.
    pub(crate) async fn is_sound(&self) -> Checked {
        let scratch = self.dir.path().to_owned();
        let options = AuditOptions { journal: None, scratch, models: Vec::new() };
        let broken = audit(self.log.reader(), options, |_| ()).await?.broken;
        let Some(first) = broken.first() else { return Ok(()) };
        Err(Violation::new(Rule::Audit, first.to_string()))
    }

    /// Asserts that time, as it is recorded, never goes back, however the clock is set.
    pub(crate) async fn is_in_order(&self, after: u64) -> Checked {
        let page = self.log.reader().read(Log::Ledger, after, PAGE_MAX).await?;
        let ordered = page.is_sorted_by_key(|recorded| recorded.recorded_at);
        holds(Rule::Machinery, ordered, || "the log's time goes back".into())
    }
}
