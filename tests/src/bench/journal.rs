//! Lane `journal`: what a node's own disk costs a call, through the real journal under the lock that a node has.

mod group;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ledger::{
    journal::{Journal, JournalOptions},
    record::Record,
};
use parking_lot::Mutex;
use tokio::task::{JoinSet, yield_now};

use super::{
    figures::middle,
    rounds::Plan,
    sample::{Calls, JOURNAL},
    spent::{Begun, Spent},
};

/// How many tasks write at once.
const TASKS: [usize; 2] = [1, 64];
/// How many calls are written in a round.
const CALLS: usize = 96_000;
/// How many where each waits for the disk.
const GROUPED: [usize; TASKS.len()] = [256, 6_400];
/// So many different ones.
const PREPARED: usize = 512;
/// As often as a node makes its journal durable.
const SYNC_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(plan: &Plan) -> String {
    let mut calls = Calls::new();
    let prepared: Arc<[[Record; 3]]> = (0..PREPARED).map(|_| calls.records()).collect();
    let (mut plain, mut grouped) = (TASKS.map(|_| Vec::new()), TASKS.map(|_| Vec::new()));
    for round in 1..=plan.rounds {
        for (place, tasks) in TASKS.into_iter().enumerate() {
            eprintln!("bench: round {round} of {}, journal, {tasks} tasks", plan.rounds);
            plain[place].push(measure(&prepared, tasks, plan.scaled(CALLS)).await);
            grouped[place].push(group::measure(tasks, plan.scaled(GROUPED[place]).max(tasks)).await);
        }
    }
    let mut table = "| journal | records per second | CPU µs a record |\n|---|---:|---:|\n".to_owned();
    for (how, all) in [("", &plain), ("`group`, ", &grouped)] {
        for (tasks, rounds) in TASKS.iter().zip(all) {
            let of = |figure: fn(&Spent) -> f64| middle(rounds.iter().map(figure).collect());
            let (rate, cpu) = (of(Spent::per_second), of(Spent::cpu_micros));
            table +=
                &format!("| {how}`Reserve`, `Sent`, `Settle`, {tasks} at once | {rate:.0} | {cpu:.2} |\n");
        }
    }
    table
}

async fn measure(prepared: &Arc<[[Record; 3]]>, tasks: usize, calls: usize) -> Spent {
    let folder = tempfile::tempdir().expect("a folder for the journal");
    let options = JournalOptions::new(folder.path().to_owned(), JOURNAL, "boot".into());
    let journal = Journal::open(options, |_, _| ()).expect("a journal");
    let journal = Arc::new(Mutex::new(journal));
    let over = Arc::new(AtomicBool::new(false));
    let syncing = thread::spawn({
        let (journal, over) = (Arc::clone(&journal), Arc::clone(&over));
        move || sync(&journal, &over)
    });
    let begun = Begun::now();
    let mut writers = JoinSet::new();
    for task in 0..tasks {
        writers.spawn(write(Arc::clone(&journal), Arc::clone(prepared), task, calls / tasks));
    }
    while let Some(written) = writers.join_next().await {
        written.expect("every record is written");
    }
    let spent = begun.done(journal.lock().seq());
    over.store(true, Ordering::Relaxed);
    syncing.join().expect("the journal is made durable");
    assert_eq!(spent.count, (calls / tasks * tasks * 3) as u64, "not every record was written");
    spent
}

/// Calls one after the other, with a pause for the others between their records as calls have.
async fn write(journal: Arc<Mutex<Journal>>, prepared: Arc<[[Record; 3]]>, first: usize, calls: usize) {
    for call in 0..calls {
        for record in &prepared[(first + call) % PREPARED] {
            journal.lock().append(record).expect("the disk takes it");
            yield_now().await;
        }
    }
}

fn sync(journal: &Mutex<Journal>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        thread::sleep(SYNC_PAUSE);
        let sync = journal.lock().begin_sync().expect("there is room for more");
        let kept = sync.run();
        let mut journal = journal.lock();
        journal.end_sync(&sync, kept).expect("the disk keeps it");
        journal.prepare().expect("there is room for more");
    }
}
