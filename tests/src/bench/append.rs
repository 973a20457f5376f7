//! Lane `append`: commands that each append one event, through the whole of the event log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::{
    CommandId, Nanos,
    account::{AccountCommand, AccountRefusal},
};
use eventlog::{Command, EventLog, Executed, Metadata};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use super::{
    accounts::Ledger,
    figures::middle,
    rounds::Plan,
    sample,
    spent::{Begun, Spent},
    store::Store,
};

/// How many ask at once, each one command after the other and on an account of its own.
const CALLERS: [usize; 3] = [1, 64, 512];

/// One log, and what was measured of it.
struct Measured {
    store: Store,
    ledger: Ledger,
    rounds: [Vec<Spent>; CALLERS.len()],
    commands: Arc<AtomicU64>,
}

pub(super) async fn run(plan: &Plan) -> String {
    let mut places = Vec::new();
    let mut all = Vec::new();
    for store in Store::ALL {
        let place = store.place().await;
        let ledger = Ledger::with_accounts(place.database()).await;
        let commands = Arc::default();
        all.push(Measured { store, ledger, rounds: CALLERS.map(|_| Vec::new()), commands });
        places.push(place);
    }
    for round in 1..=plan.rounds {
        for measured in &mut all {
            measured.round(plan, round).await;
        }
    }
    let mut table = "| append | events per second | CPU µs an event |\n|---|---:|---:|\n".to_owned();
    for Measured { store, ledger, rounds, .. } in all {
        for (callers, rounds) in CALLERS.iter().zip(rounds) {
            let of = |figure: fn(&Spent) -> f64| middle(rounds.iter().map(figure).collect());
            let (rate, cpu) = (of(Spent::per_second), of(Spent::cpu_micros));
            table += &format!("| {}, {callers} at once | {rate:.0} | {cpu:.0} |\n", store.name());
        }
        ledger.close().await;
    }
    table + "\nOf a Postgres's CPU only what this side of it spends.\n"
}

impl Measured {
    async fn round(&mut self, plan: &Plan, round: usize) {
        for (callers, rounds) in CALLERS.iter().zip(&mut self.rounds) {
            let name = self.store.name();
            eprintln!("bench: round {round} of {}, append, {name}, {callers} callers", plan.rounds);
            rounds.push(measure(&self.ledger.log, &self.commands, *callers, plan).await);
        }
    }
}

async fn measure(log: &EventLog, commands: &Arc<AtomicU64>, callers: usize, plan: &Plan) -> Spent {
    let deadline = Instant::now() + plan.length;
    let before = log.reader().heads().await.expect("the log's heads").ledger;
    let begun = Begun::now();
    let mut asking = JoinSet::new();
    for caller in 0..callers {
        asking.spawn(ask(log.clone(), Arc::clone(commands), caller, deadline));
    }
    let mut asked = 0;
    while let Some(count) = asking.join_next().await {
        asked += count.expect("every command is carried out");
    }
    let spent = begun.done(asked);
    let after = log.reader().heads().await.expect("the log's heads").ledger;
    assert_eq!(after - before, asked, "not one event for each command");
    spent
}

async fn ask(log: EventLog, commands: Arc<AtomicU64>, caller: usize, deadline: Instant) -> u64 {
    let account = sample::account(caller);
    let mut asked = 0;
    while Instant::now() < deadline {
        let number = commands.fetch_add(1, Ordering::Relaxed) + 1;
        let command = Command {
            command_id: CommandId(Uuid::from_u128(number.into())),
            fingerprint: [0; 32],
            metadata: Metadata::default(),
        };
        let executed = log.execute::<_, AccountRefusal, _>(command, move |tx| {
            let amount = Nanos::new(1_000).expect("an amount");
            let deposit = AccountCommand::Deposit { amount, reason: "for the bench".into() };
            Box::pin(async move { ledger::accounts::decide(tx, account, deposit).await.map(drop) })
        });
        let executed = executed.await.expect("the deposit stands");
        assert!(matches!(executed, Executed::Done { .. }), "{executed:?}");
        asked += 1;
    }
    asked
}
