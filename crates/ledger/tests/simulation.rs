//! The real core of the ledger in a simulated world: the step, the journal's records and the SQL are the real ones; the
//! disk, the line, the clocks, the callers and the provider are not, and everything goes wrong that can.
//!
//! A seed decides everything. `VELOERA_SEED=n` repeats one; what fails prints its seed and what happened.

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
#[path = "simulation/facts.rs"]
mod facts;
#[path = "simulation/moves.rs"]
mod moves;
#[path = "simulation/mutant.rs"]
mod mutant;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/reserve.rs"]
mod reserve;
#[path = "simulation/rule.rs"]
mod rule;
#[path = "simulation/shadow.rs"]
mod shadow;
#[path = "simulation/story.rs"]
mod story;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use std::{fmt, ops::Range};

use books::Books;
use mutant::Mutant;
use rule::{Checked, Rule, Violation};
use world::{Seen, World};

const SEEDS: u64 = if cfg!(feature = "soak") { 2_000 } else { 200 };
/// Seeds of one share are run one after the other in one database.
const SHARES: u64 = SEEDS / 20;
/// How many databases are in use at once: while one waits for its disk, another goes on.
const BOOKS: u64 = 4;
const STEPS: usize = 70;
/// How many seeds a mutant may survive.
const MUTANT_SEEDS: u64 = 200;

/// A seed that broke a rule.
#[derive(Debug)]
struct Failure {
    seed: u64,
    broken: Violation,
    trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VELOERA_SEED={} breaks {}\n{}", self.seed, self.broken, self.trace)
    }
}

/// One seed, from its first step until everything has come to rest: what was seen, and the trace.
async fn run(books: &Books, seed: u64, mutant: Option<Mutant>) -> Result<(Seen, String), Failure> {
    let fails = |trace| move |broken| Failure { seed, broken, trace };
    let mut world = World::new(books, seed, mutant).await.map_err(fails(String::new()))?;
    let lived = live(&mut world).await;
    let trace = world.told();
    lived.map_err(fails(trace.clone()))?;
    Ok((world.seen, trace))
}

async fn live(world: &mut World<'_>) -> Checked {
    for _ in 0..STEPS {
        world.step().await?;
        world.check().await?;
    }
    world.comes_to_rest().await
}

async fn books() -> Result<Books, Failure> {
    Books::open().await.map_err(|broken| Failure { seed: 0, broken, trace: String::new() })
}

/// Runs seeds that share a database.
async fn all_hold(seeds: Range<u64>) -> Result<Seen, Failure> {
    let (books, mut seen) = (books().await?, Seen::new());
    for seed in seeds {
        add(&mut seen, run(&books, seed, None).await?.0);
    }
    Ok(seen)
}

fn add(seen: &mut Seen, more: Seen) {
    for (what, count) in more {
        *seen.entry(what).or_default() += count;
    }
}

/// The seed to repeat, as its text.
fn wanted() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration to be told by")]
    std::env::var("VELOERA_SEED").ok()
}

/// What must have happened in the seeds together.
const HAPPENS: [&str; 23] = [
    "a call unanswered",
    "a charge on suspense",
    "a dead process's lease",
    "a forgery",
    "a gap",
    "a grant",
    "a grant that others took",
    "a late charge",
    "a parcel lost",
    "a process killed",
    "a question lost",
    "a reclaimed lease",
    "a refusal",
    "a reopened account",
    "a repeat",
    "a start cut short",
    "a tail lost",
    "a torn record",
    "an answer lost",
    "an overlap",
    "an overshoot",
    "in doubt",
    "void after a crash",
];

async fn every_seed() -> Result<Seen, Failure> {
    let mut seen = Seen::new();
    let (share, round) = (SEEDS / SHARES, SEEDS / SHARES * BOOKS);
    for first in (0..SEEDS).step_by(usize::try_from(round).unwrap_or(1)) {
        let shares = (0..BOOKS).map(|nth| first + nth * share).filter(|start| *start < SEEDS);
        let shares = shares.map(|start| all_hold(start..SEEDS.min(start + share)));
        for share in futures_util::future::join_all(shares).await {
            add(&mut seen, share?);
        }
    }
    Ok(seen)
}

#[tokio::test]
async fn whatever_goes_wrong_every_billed_call_is_charged_once_and_nothing_is_overspent() {
    if let Some(seed) = wanted() {
        let seed = seed.parse().expect("VELOERA_SEED must be a number");
        all_hold(seed..seed + 1).await.unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    let seen = every_seed().await.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{seen:?}");
    for what in HAPPENS {
        assert!(seen.contains_key(what), "{what} never happened: {seen:?}");
    }
}

#[tokio::test]
async fn a_seed_means_the_same_each_time() {
    let (first, second) = (books().await.unwrap(), books().await.unwrap());
    for seed in 0..3 {
        let (once, again) = (run(&first, seed, None).await, run(&second, seed, None).await);
        assert_eq!(once.unwrap().1, again.unwrap().1, "seed {seed}");
    }
}

/// The first seed that a mutant fails.
async fn caught(mutant: Mutant) -> Result<Failure, Failure> {
    let books = books().await?;
    let mut last = None;
    for seed in 0..MUTANT_SEEDS {
        if let Err(failure) = run(&books, seed, Some(mutant)).await {
            last = Some(failure);
            break;
        }
    }
    let survived = Violation::new(Rule::Machinery, format!("{mutant:?} was not caught"));
    last.ok_or(Failure { seed: MUTANT_SEEDS, broken: survived, trace: String::new() })
}

#[tokio::test]
async fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
    for mutant in Mutant::ALL {
        let failure = caught(mutant).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(failure.broken.rule, mutant.breaks(), "{mutant:?}: {failure}");
        let told = failure.to_string();
        assert!(told.starts_with(&format!("VELOERA_SEED={} ", failure.seed)), "{told}");
        assert!(told.contains("node 1: is up"), "{told}");
        println!("{mutant:?} {:?} {}", failure.seed, failure.broken);
    }
}
