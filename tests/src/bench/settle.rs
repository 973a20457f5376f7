//! Lane `settle`: uploads of a node into the ledger, beside what one connection reaches that only inserts the same rows.
//!
//! What the bank wrote for an upload is read back and put into a second, equal database as bare rows, in a transaction
//! of the same size and with the same durability.

mod bare;
mod rows;
mod tables;

use super::{
    accounts::Ledger,
    figures::middle,
    rounds::Plan,
    sample::{ACCOUNTS, Uploads},
    spent::{Begun, Spent},
    store::{Place, Store},
};
use bare::Bare;

/// How many records an upload has, in turn: a node sends what it has, at most the latter.
const RECORDS: [usize; 2] = [1_000, 2_000];
/// How many uploads of each size are in a round.
const UPLOADS: usize = 8;

/// One kind of database twice, and what was measured of both.
struct Pair {
    store: Store,
    _places: [Place; 2],
    ledger: Ledger,
    bare: Bare,
    uploads: Uploads,
    rounds: [Vec<Round>; RECORDS.len()],
}

#[derive(Default)]
struct Round {
    bank: Spent,
    bare: Spent,
}

pub(super) async fn run(plan: &Plan) -> String {
    let mut pairs = Vec::new();
    for store in Store::ALL {
        pairs.push(Pair::new(store).await);
    }
    for round in 1..=plan.rounds {
        for pair in &mut pairs {
            eprintln!("bench: round {round} of {}, settle, {}", plan.rounds, pair.store.name());
            pair.round(plan).await;
        }
    }
    let mut table = format!(
        "| settle, {ACCOUNTS} accounts | bank, records per second | bare rows | bank ÷ bare | CPU µs a record | bare |\n\
         |---|---:|---:|---:|---:|---:|\n"
    );
    for pair in pairs {
        table += &pair.lines();
        pair.close().await;
    }
    table
        + "\nMedians of rounds in turn; ÷ 0.33 is the aim. Of a Postgres's CPU only what this side of it spends.\n"
}

impl Pair {
    async fn new(store: Store) -> Self {
        let (one, other) = (store.place().await, store.place().await);
        let ledger = Ledger::with_accounts(one.database()).await;
        Ledger::with_accounts(other.database()).await.close().await;
        let bare = Bare::open(&one, &other).await;
        let rounds = RECORDS.map(|_| Vec::new());
        Self { store, _places: [one, other], ledger, bare, uploads: Uploads::new(), rounds }
    }

    async fn round(&mut self, plan: &Plan) {
        let mut round = RECORDS.map(|_| Round::default());
        for _ in 0..plan.scaled(UPLOADS).max(1) {
            for (records, Round { bank, bare }) in RECORDS.iter().zip(&mut round) {
                let upload = self.uploads.next(*records);
                let begun = Begun::now();
                self.ledger.ingest(upload).await;
                *bank = bank.and(begun.done(*records as u64));
                let rows = self.bare.written().await;
                let begun = Begun::now();
                self.bare.insert(&rows).await;
                *bare = bare.and(begun.done(*records as u64));
            }
        }
        for (rounds, round) in self.rounds.iter_mut().zip(round) {
            rounds.push(round);
        }
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        for (records, rounds) in RECORDS.iter().zip(&self.rounds) {
            let of = |figure: &dyn Fn(&Round) -> f64| middle(rounds.iter().map(figure).collect());
            lines += &format!(
                "| {}, {records} records an upload | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} |\n",
                self.store.name(),
                of(&|round| round.bank.per_second()),
                of(&|round| round.bare.per_second()),
                of(&|round| round.bank.per_second() / round.bare.per_second()),
                of(&|round| round.bank.cpu_micros()),
                of(&|round| round.bare.cpu_micros()),
            );
        }
        lines
    }

    async fn close(self) {
        let Self { ledger, bare, .. } = self;
        bare.close().await;
        ledger.close().await;
    }
}
