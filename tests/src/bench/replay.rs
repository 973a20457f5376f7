//! Lane `replay`: the audit, which proves and folds the whole history, beside what merely reads and decodes it.

use domain::{Log, account::AccountEvent};
use futures_util::TryStreamExt;
use ledger::{AuditOptions, audit, replay};
use sqlx::{Connection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    accounts::Ledger,
    figures::middle,
    rounds::Plan,
    sample::Uploads,
    spent::{Begun, Spent},
    store::{Place, Store},
};

/// How many calls are in the history, beside what opened their accounts.
const CALLS: usize = 100_000;
const RECORDS: usize = 2_000;
const EVENTS: &str = "SELECT position, stream, version, event_id, event_type, schema_version, payload, metadata, \
                      recorded_at, leaf_hash FROM ledger_events ORDER BY position";

struct History {
    store: Store,
    place: Place,
    ledger: Ledger,
    rounds: Vec<Round>,
}

/// What each of the [`PASSES`] took.
type Round = [Spent; PASSES.len()];

const PASSES: [&str; 3] = ["read and decoded", "`audit replay`", "`audit verify`"];

pub(super) async fn run(plan: &Plan) -> String {
    let mut histories = Vec::new();
    for store in Store::ALL {
        histories.push(History::write(store, plan.scaled(CALLS)).await);
    }
    for round in 1..=plan.rounds {
        for history in &mut histories {
            eprintln!("bench: round {round} of {}, replay, {}", plan.rounds, history.store.name());
            let round = history.round().await;
            history.rounds.push(round);
        }
    }
    let mut table =
        "| replay | events per second | ÷ reading and decoding | CPU µs an event |\n|---|---:|---:|---:|\n"
            .to_owned();
    for History { store, ledger, rounds, .. } in histories {
        for (pass, name) in PASSES.iter().enumerate() {
            let of = |figure: &dyn Fn(&Round) -> f64| middle(rounds.iter().map(figure).collect());
            let rate = of(&|round| round[pass].per_second());
            let ratio = of(&|round| round[pass].per_second() / round[0].per_second());
            let cpu = of(&|round| round[pass].cpu_micros());
            table += &format!("| {}, {name} | {rate:.0} | {ratio:.2} | {cpu:.1} |\n", store.name());
        }
        ledger.close().await;
    }
    table
}

impl History {
    async fn write(store: Store, calls: usize) -> Self {
        let place = store.place().await;
        let ledger = Ledger::with_accounts(place.database()).await;
        let mut uploads = Uploads::new();
        for _ in 0..calls.div_ceil(RECORDS) {
            ledger.ingest(uploads.next(RECORDS)).await;
        }
        Self { store, place, ledger, rounds: Vec::new() }
    }

    async fn round(&self) -> Round {
        let reader = self.ledger.log.reader();
        let begun = Begun::now();
        let read = begun.done(self.read().await);
        let begun = Begun::now();
        let replayed = replay(reader, u64::MAX, |_| ()).await.expect("the log can be read");
        let replay = begun.done(replayed.position);
        let begun = Begun::now();
        let scratch = tempfile::tempdir().expect("a folder for what is sorted");
        let options = AuditOptions { journal: None, scratch: scratch.path().to_owned(), models: Vec::new() };
        let audited = audit(reader, options, |_| ()).await.expect("the log can be read");
        let audit = begun.done(audited.events.of(Log::Ledger));
        assert_eq!((audited.broken, read.count, replay.count), (Vec::new(), audit.count, audit.count));
        [read, replay, audit]
    }

    /// Every row with all its columns, and its payload as the event that it says.
    async fn read(&self) -> u64 {
        match &self.place {
            Place::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                let mut connection =
                    SqliteConnection::connect_with(&options).await.expect("the database opens");
                let mut rows = sqlx::query(EVENTS).fetch(&mut connection);
                let mut count = 0;
                while let Some(row) = rows.try_next().await.expect("the log can be read") {
                    let id: String = row.get(3);
                    assert!(id.len() == 36 && decoded(row.get(6)), "event {}", row.get::<i64, _>(0));
                    count += 1;
                }
                count
            }
            Place::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.expect("the server lets us in");
                let mut rows = sqlx::query(EVENTS).fetch(&mut connection);
                let mut count = 0;
                while let Some(row) = rows.try_next().await.expect("the log can be read") {
                    assert!(decoded(row.get(6)), "event {}", row.get::<i64, _>(0));
                    count += 1;
                }
                count
            }
        }
    }
}

fn decoded(payload: &str) -> bool {
    serde_json::from_str::<AccountEvent>(payload).is_ok()
}
