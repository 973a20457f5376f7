//! The real ledger: its log, its read model and its SQL, in a database of its own.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use domain::{
    AccountId, Aggregate, JournalId, Log, TimeStamp,
    account::{Account, AccountCommand, AccountEvent, AccountRefusal, Deduction},
    price_list::{LIST_ID, PriceList, PriceListEvent},
};
use eventlog::{
    EventLog, ExecuteError, LogOptions, MasterKey, Metadata, NewEvent, PAGE_MAX, Sealer, StreamAppend,
    stream_name,
};
use ledger::{
    AuditOptions, Bank, BankClock as _, BankOptions,
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

/// How long the ledger's process has lived.
#[derive(Debug, Default)]
struct Life(AtomicU64);

impl ledger::BankClock for Life {
    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far apart two seeds are by the wall clock, in microseconds: more than it is set within one.
const SEED_MICROS: i64 = 20_000_000_000;
/// How far apart they are in the life of the ledger's process, in milliseconds: nodes of seeds that are over share
/// nothing with those of this one.
const SEED_MS: u64 = 10_000_000;

/// One database. Seeds use it one after the other, each with accounts of its own.
pub(crate) struct Books {
    pub(crate) wall: Arc<Wall>,
    bank: Bank,
    life: Arc<Life>,
    /// When each journal was last heard of.
    heard: RefCell<BTreeMap<JournalId, u64>>,
    /// Where the wall clock of the last seed began.
    epoch: Cell<i64>,
    log: EventLog,
    _appender: JoinSet<()>,
    dir: TempDir,
}

impl Books {
    pub(crate) async fn open() -> Checked<Self> {
        // What a database does to be durable takes most of the time, and is not what this is about.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
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
        let life = Arc::new(Life::default());
        let bank = Bank::open(log.clone(), BankOptions::new(life.clone())).await?;
        let (heard, epoch) = (RefCell::default(), Cell::new(0));
        let books = Self { wall, bank, life, heard, epoch, log, _appender: tasks, dir };
        books.price().await?;
        Ok(books)
    }

    /// Another seed begins: what the one before left of the clocks must not matter. Says where the wall clock stands.
    pub(crate) fn begin(&self) -> i64 {
        self.epoch.set(self.epoch.get() + SEED_MICROS);
        self.wall.set(self.epoch.get());
        self.live_ms(SEED_MS);
        self.epoch.get()
    }

    /// The ledger's process lives so much longer.
    pub(crate) fn live_ms(&self, ms: u64) {
        self.life.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// The ledger, which hears of a journal by this.
    pub(crate) fn hears(&self, journal_id: JournalId) -> &Bank {
        self.heard.borrow_mut().insert(journal_id, self.life.monotonic_ms());
        &self.bank
    }

    /// The ledger, for its own work.
    pub(crate) const fn bank(&self) -> &Bank {
        &self.bank
    }

    /// For how long nothing was heard of a journal.
    pub(crate) fn silent_ms(&self, journal_id: JournalId) -> u64 {
        let heard_ms = self.heard.borrow().get(&journal_id).copied().unwrap_or(0);
        self.life.monotonic_ms() - heard_ms
    }

    /// Sets the price of the only model.
    async fn price(&self) -> Checked {
        let set =
            PriceListEvent::Set { model: model()?, version: 1, price: Box::new((*pinned().price).clone()) };
        let (stream, events) = (stream_name(PriceList::KIND, LIST_ID), vec![NewEvent::of(&set)?]);
        let append = StreamAppend { log: Log::Control, stream, expected: None, events, trace: None };
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
