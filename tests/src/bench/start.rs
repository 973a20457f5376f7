//! Lane `start`: how long the program needs until it is ready, with a long history and with none.

use std::{path::Path, sync::Arc, time::Duration};

use projections::Calls;
use tokio::task::JoinSet;

use super::{
    accounts::Ledger,
    cpu::Cpu,
    figures::middle,
    processes,
    rounds::Plan,
    sample::Uploads,
    spent::{Begun, Spent},
};
use crate::{Launch, Veloera, binary};

/// How many events the history has, unless `VELOERA_BENCH_EVENTS` says another number.
const EVENTS: usize = 1_000_000;
const RECORDS: usize = 2_000;

/// A gateway that is started again and again.
struct Started {
    name: String,
    veloera: Veloera,
    rounds: Vec<Round>,
}

struct Round {
    ready: Duration,
    cpu_ms: f64,
}

pub(super) async fn run(plan: &Plan) -> String {
    let events = plan.scaled(wanted());
    let mut all = [
        Started::new("an empty history".into()).await,
        Started::new(format!("a history of {events} events")).await,
    ];
    all[1].fill(events).await;
    for started in &mut all {
        // What the first start does once, the others find done.
        started.round().await;
    }
    for round in 1..=plan.rounds {
        eprintln!("bench: round {round} of {}, start", plan.rounds);
        for started in &mut all {
            let round = started.round().await;
            started.rounds.push(round);
        }
    }
    let mut table = "| start with | ready after ms | CPU ms until then |\n|---|---:|---:|\n".to_owned();
    for Started { name, rounds, .. } in &all {
        let of = |figure: fn(&Round) -> f64| middle(rounds.iter().map(figure).collect());
        let (ready, cpu) = (of(|round| round.ready.as_secs_f64() * 1_000.0), of(|round| round.cpu_ms));
        table += &format!("| {name} | {ready:.0} | {cpu:.0} |\n");
    }
    let peak_kib = verified(&all[1].veloera.data_dir());
    table +=
        &format!("\nReadiness is asked for every 20 ms. `audit verify` over {events} events held at most ");
    table + &format!("{:.1} MiB.\n", peak_kib as f64 / 1_024.0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a history is wanted is said from outside, and only here"
)]
fn wanted() -> usize {
    let wanted = std::env::var("VELOERA_BENCH_EVENTS");
    wanted.map_or(EVENTS, |text| text.parse().expect("VELOERA_BENCH_EVENTS is a number"))
}

/// Verifies a history that must be sound, and gives the most memory that it took.
fn verified(data_dir: &Path) -> u64 {
    let data_dir = data_dir.display().to_string();
    let mut verifying = binary::command();
    let verifying = verifying.args(["audit", "verify", "--json", "--data-dir", &data_dir]);
    let (status, peak_kib) = processes::peak_kib(verifying);
    assert!(status.success(), "the history is not sound: {status}");
    peak_kib
}

impl Started {
    /// One that was started once and ended in order.
    async fn new(name: String) -> Self {
        let mut veloera = Veloera::start(Launch::default()).await;
        end(&mut veloera).await;
        Self { name, veloera, rounds: Vec::new() }
    }

    /// Writes a history as running nodes would have: the usage log follows while the ledger takes calls in.
    async fn fill(&self, events: usize) {
        eprintln!("bench: writing {}", self.name);
        let database = self.veloera.data_dir().join("veloera.db");
        let ledger = Ledger::with_accounts(Path::new(&database)).await;
        let calls = Calls::load(&ledger.log).await.expect("the usage log");
        let mut following = JoinSet::new();
        following.spawn(Arc::clone(&calls).follow(ledger.log.clone()));
        let mut uploads = Uploads::new();
        let before = ledger.log.reader().heads().await.expect("the log's heads").ledger;
        let missing = events.saturating_sub(usize::try_from(before).unwrap_or(usize::MAX));
        for _ in 0..missing.div_ceil(RECORDS) {
            ledger.ingest(uploads.next(RECORDS)).await;
        }
        let head = ledger.log.reader().heads().await.expect("the log's heads").ledger;
        assert!(head >= events as u64, "the history has only {head} events");
        let mut positions = calls.positions();
        positions.wait_for(|position| *position >= head).await.expect("the usage log follows");
        following.shutdown().await;
        drop(calls);
        ledger.close().await;
    }

    async fn round(&mut self) -> Round {
        let begun = Begun::now();
        self.veloera.restart().await;
        let Spent { elapsed: ready, .. } = begun.done(1);
        let cpu_ms = Cpu::of_tree(self.veloera.pid()).total as f64 / 1_000.0;
        end(&mut self.veloera).await;
        Round { ready, cpu_ms }
    }
}

/// Ends it in order.
pub(super) async fn end(veloera: &mut Veloera) {
    veloera.terminate();
    let status = veloera.ended().await;
    assert!(status.success(), "it ended with {status}");
}
