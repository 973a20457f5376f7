//! The real core of the ledger in a simulated world: the step, the journal's records and the SQL are the real ones; the
//! disk, the line, the clocks, the callers and the provider are not, and everything goes wrong that can.
//!
//! A seed decides everything. `VELOERA_SEED=n` repeats one, `VELOERA_SEEDS=n` runs so many; what fails prints its seed
//! and what happened.

#[path = "simulation/anew.rs"]
mod anew;
#[path = "simulation/begin.rs"]
mod begin;
#[path = "simulation/bills.rs"]
mod bills;
#[path = "simulation/book.rs"]
mod book;
#[path = "simulation/books.rs"]
mod books;
#[path = "simulation/calls.rs"]
mod calls;
#[path = "simulation/check.rs"]
mod check;
#[path = "simulation/crash.rs"]
mod crash;
#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/extend.rs"]
mod extend;
#[path = "simulation/facts.rs"]
mod facts;
#[path = "simulation/jobs.rs"]
mod jobs;
#[path = "simulation/leases.rs"]
mod leases;
#[path = "simulation/moves.rs"]
mod moves;
#[cfg(feature = "mutants")]
#[path = "simulation/mutants.rs"]
mod mutants;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/reserve.rs"]
mod reserve;
#[path = "simulation/rule.rs"]
mod rule;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/shadow.rs"]
mod shadow;
#[path = "simulation/slip.rs"]
mod slip;
#[path = "simulation/start.rs"]
mod start;
#[path = "simulation/story.rs"]
mod story;
#[path = "simulation/tend.rs"]
mod tend;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use std::num::ParseIntError;

use run::{SEEDS, STEPS, all_hold, books, every_seed, first_failure, run};
use slip::Slip;

/// What the environment says of seeds.
fn wanted(name: &str) -> Option<Result<u64, ParseIntError>> {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration to be told by")]
    std::env::var(name).ok().map(|said| said.parse())
}

/// What must have happened in the seeds together.
const HAPPENS: [&str; 37] = [
    "a call unanswered",
    "a charge on suspense",
    "a dead process's lease",
    "a forgery",
    "a gap",
    "a grant",
    "a grant that others took",
    "a hold",
    "a hold asked for again",
    "a hold ended",
    "a hold ended again",
    "a hold ended otherwise",
    "a job that was done before",
    "a journal begun anew",
    "a late charge",
    "a late question",
    "a parcel lost",
    "a process killed",
    "a question after its lease was given back",
    "a question lost",
    "a reclaimed lease",
    "a refusal",
    "a reopened account",
    "a repeat",
    "a start cut short",
    "a start on old leases",
    "a tail lost",
    "a torn record",
    "an answer lost",
    "an extension",
    "an extension refused",
    "an overdue lease",
    "an overlap",
    "an overshoot",
    "another part",
    "in doubt",
    "void after a crash",
];

#[tokio::test]
async fn whatever_goes_wrong_every_billed_call_is_charged_once_and_nothing_is_overspent() {
    if let Some(seed) = wanted("VELOERA_SEED") {
        let seed = seed.expect("VELOERA_SEED must be a number");
        all_hold(seed..seed + 1).await.unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    let seeds = wanted("VELOERA_SEEDS").unwrap_or(Ok(SEEDS)).expect("VELOERA_SEEDS must be a number");
    let seen = every_seed(seeds).await.unwrap_or_else(|failure| panic!("{failure}"));
    println!("soak-seeds: {seeds} seeds of {STEPS} steps");
    for (what, times) in &seen {
        println!("soak-seen: | {what} | {times} |");
    }
    for what in HAPPENS {
        assert!(seen.contains_key(what), "{what} never happened: {seen:?}");
    }
}

#[tokio::test]
async fn a_seed_means_the_same_each_time_whatever_ran_before_it() {
    let (first, second) = (books().await.unwrap(), books().await.unwrap());
    let mut traces = Vec::new();
    for seed in 0..5 {
        traces.push((seed, run(&first, seed, None).await.unwrap().1));
    }
    for (seed, trace) in traces.into_iter().rev() {
        assert_eq!(run(&second, seed, None).await.unwrap().1, trace, "seed {seed}");
    }
}

#[tokio::test]
async fn every_misuse_is_caught_by_the_rule_that_it_breaks() {
    for slip in Slip::ALL {
        let failure =
            first_failure(Some(slip)).await.unwrap_or_else(|survived| panic!("{slip:?}: {survived}"));
        assert!(slip.breaks().contains(&failure.broken.rule), "{slip:?}: {failure}");
        let told = failure.to_string();
        assert!(told.starts_with(&format!("VELOERA_SEED={} ", failure.seed)), "{told}");
        assert!(told.contains("node 1: is up"), "{told}");
    }
}
