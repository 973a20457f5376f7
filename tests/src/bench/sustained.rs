//! Lane `sustained`: two nodes write charges into their journals at a steady rate, which go into one Postgres; how far the
//! ledger is behind them, and whether every charge is there in the end.

use std::{sync::Arc, time::Duration};

use domain::{JournalId, Log, account::Settlement};
use futures_util::{FutureExt, future::join_all};
use ledger::{AuditOptions, LedgerPort, Node, NodeOptions, audit};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use uuid::Uuid;

use super::{
    accounts::Ledger,
    carried::{Clock, carried},
    rounds::Plan,
    sample::Calls,
    spent::Begun,
    store::Store,
};

/// So many accounts pay, each from leases of its own on both nodes: a few that are called all the time, and many that are
/// called seldom.
const ACCOUNTS: [usize; 2] = [100, 1_000];
const NODES: usize = 2;
/// Charges a second, of all nodes together.
const RATE: usize = 5_000;
const LENGTH: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(10);
const CALLS_A_TICK: usize = RATE * 10 / 1_000 / NODES;
const LOOK_EVERY: Duration = Duration::from_millis(100);

struct Carrier {
    node: Arc<Node>,
    accounts: usize,
    calls: Calls,
    over: oneshot::Sender<()>,
    running: JoinSet<()>,
    _folder: TempDir,
}

/// The furthest that the ledger was behind.
#[derive(Clone, Copy, Default)]
struct Behind {
    records: u64,
    /// What was written in so long was not there.
    time: Duration,
}

pub(super) async fn run(plan: &Plan) -> String {
    let mut table = format!(
        "| sustained, {NODES} journals into one Postgres | charges per second | seconds | furthest behind, records | ms \
         | CPU µs a charge, but for Postgres's |\n|---|---:|---:|---:|---:|---:|\n"
    );
    for accounts in ACCOUNTS {
        table += &row(plan, accounts).await;
    }
    table + "\nEvery charge was found in the ledger afterwards, and the audit found nothing else.\n"
}

async fn row(plan: &Plan, accounts: usize) -> String {
    let place = Store::Postgres.place().await;
    let ledger = Ledger::with_accounts(place.database()).await;
    let mut carriers = Vec::new();
    for number in 0..NODES {
        carriers.push(Carrier::start(ledger.port(), accounts, number as u128).await);
    }
    eprintln!("bench: sustained, leases of {accounts} accounts on {NODES} nodes");
    let mut charged = 0;
    for carrier in &mut carriers {
        charged += carrier.warm().await;
    }
    let length = if plan.rounds > 1 { LENGTH } else { Duration::from_secs(2) };
    eprintln!("bench: sustained, {RATE} charges a second for {} s", length.as_secs());
    let begun = Begun::now();
    let mut loads = JoinSet::new();
    for carrier in carriers {
        loads.spawn(carrier.load(length));
    }
    let (mut loaded, mut behind, mut carriers) = (0, Behind::default(), Vec::new());
    while let Some(load) = loads.join_next().await {
        let (carrier, calls, worst) = load.expect("every call is carried");
        loaded += calls;
        behind = Behind { records: behind.records.max(worst.records), time: behind.time.max(worst.time) };
        carriers.push(carrier);
    }
    let spent = begun.done(loaded);
    for carrier in carriers {
        carrier.end().await;
    }
    every_charge_is_there(&ledger, charged + loaded).await;
    ledger.close().await;
    format!(
        "| {accounts} accounts, {RATE} charges a second | {:.0} | {:.0} | {} | {} | {:.0} |\n",
        spent.per_second(),
        spent.elapsed.as_secs_f64(),
        behind.records,
        behind.time.as_millis(),
        spent.cpu_micros(),
    )
}

impl Carrier {
    async fn start(port: Arc<dyn LedgerPort>, accounts: usize, number: u128) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the journal");
        let journal = JournalId(Uuid::from_u128((20 + number) << 64));
        let options = NodeOptions::new(folder.path().to_owned(), journal, "boot".into());
        let node = Node::open(options, port, Arc::new(Clock::of(30 + number))).await.expect("a journal");
        let (over, stop) = oneshot::channel::<()>();
        let mut running = JoinSet::new();
        running.spawn(Arc::clone(&node).run(stop.map(drop)));
        Self { node, accounts, calls: Calls::of(accounts, number), over, running, _folder: folder }
    }

    /// A call of every account, so that it has its lease.
    async fn warm(&mut self) -> u64 {
        for number in 0..self.accounts {
            let settlement = self.calls.settlement_of(number);
            carried(&self.node, settlement).await;
        }
        while self.node.lag() > 0 {
            sleep(TICK).await;
        }
        self.accounts as u64
    }

    /// Carries calls at its share of the rate; how many, and how far the ledger was behind at the worst.
    async fn load(mut self, length: Duration) -> (Self, u64, Behind) {
        let looking = look(Arc::clone(&self.node), length);
        let loading = async {
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (until, mut count) = (Instant::now() + length, 0);
            while Instant::now() < until {
                ticks.tick().await;
                let calls: Vec<Settlement> = (0..CALLS_A_TICK).map(|_| self.calls.settlement()).collect();
                count += join_all(calls.into_iter().map(|call| carried(&self.node, call))).await.len();
            }
            count as u64
        };
        let (calls, behind) = tokio::join!(loading, looking);
        (self, calls, behind)
    }

    /// Waits until everything came home.
    async fn end(self) {
        let Self { node, over, running, .. } = self;
        drop(over);
        running.join_all().await;
        assert_eq!((node.open_calls(), node.lag()), (0, 0), "not everything came home");
    }
}

/// How far the ledger is behind, from time to time: the age of the oldest record that it does not have is how long ago
/// as many records had been written as it has now.
async fn look(node: Arc<Node>, length: Duration) -> Behind {
    let until = Instant::now() + length;
    let mut written: Vec<(Instant, u64)> = Vec::new();
    let mut behind = Behind::default();
    while Instant::now() < until {
        let (now, records, seq) = (Instant::now(), node.lag(), node.written());
        let ingested = seq.saturating_sub(records);
        written.push((now, seq));
        let since = written.iter().find(|(_, seq)| *seq > ingested).map_or(now, |(at, _)| *at);
        behind.records = behind.records.max(records);
        behind.time = behind.time.max(now - since);
        sleep(LOOK_EVERY).await;
    }
    behind
}

async fn every_charge_is_there(ledger: &Ledger, charged: u64) {
    let scratch = tempfile::tempdir().expect("a folder to sort in");
    let options = AuditOptions { journal: None, scratch: scratch.path().to_owned(), models: Vec::new() };
    let found = audit(ledger.log.reader(), options, |_| {}).await.expect("the history is read");
    assert_eq!((found.charges, found.in_doubt), (charged, 0), "{:?}", found.broken);
    assert!(
        found.broken.is_empty(),
        "up to {} of the ledger log: {:?}",
        found.events.of(Log::Ledger),
        found.broken
    );
}
