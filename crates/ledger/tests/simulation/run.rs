//! Runs seeds, and says how they failed.

use std::{fmt, ops::Range};

use super::{
    books::Books,
    rule::{Checked, Rule, Violation},
    slip::Slip,
    world::{Seen, World},
};

/// How many seeds are run where nothing else is said.
pub(crate) const SEEDS: u64 = if cfg!(feature = "soak") { 2_000 } else { 200 };
/// How many seeds are run one after the other in one database.
const SHARE: u64 = 10;
/// How many databases are in use at once: while one waits for its disk, another goes on.
const BOOKS: u64 = 4;
pub(crate) const STEPS: usize = 70;
/// How many seeds it may take until something wrong is noticed.
const SURVIVES_MAX: u64 = 200;

/// A seed that broke a rule.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) broken: Violation,
    trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VELOERA_SEED={} breaks {}\n{}", self.seed, self.broken, self.trace)
    }
}

/// One seed, from its first step until everything has come to rest: what was seen, and the trace.
pub(crate) async fn run(books: &Books, seed: u64, slip: Option<Slip>) -> Result<(Seen, String), Failure> {
    let fails = |trace| move |broken| Failure { seed, broken, trace };
    let mut world = World::new(books, seed, slip).await.map_err(fails(String::new()))?;
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

pub(crate) async fn books() -> Result<Books, Failure> {
    Books::open().await.map_err(|broken| Failure { seed: 0, broken, trace: String::new() })
}

/// Runs seeds that share a database.
pub(crate) async fn all_hold(seeds: Range<u64>) -> Result<Seen, Failure> {
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

pub(crate) async fn every_seed(seeds: u64) -> Result<Seen, Failure> {
    let mut seen = Seen::new();
    for first in (0..seeds).step_by(usize::try_from(SHARE * BOOKS).unwrap_or(1)) {
        let starts = (0..BOOKS).map(|nth| first + nth * SHARE).filter(|start| *start < seeds);
        let shares = starts.map(|start| all_hold(start..seeds.min(start + SHARE)));
        for share in futures_util::future::join_all(shares).await {
            add(&mut seen, share?);
        }
    }
    Ok(seen)
}

/// The first seed that fails where something is wrong.
pub(crate) async fn first_failure(slip: Option<Slip>) -> Result<Failure, Failure> {
    for first in (0..SURVIVES_MAX).step_by(usize::try_from(SHARE).unwrap_or(1)) {
        let books = books().await?;
        for seed in first..first + SHARE {
            if let Err(failure) = run(&books, seed, slip).await {
                return Ok(failure);
            }
        }
    }
    let survived = Violation::new(Rule::Machinery, format!("nothing is noticed in {SURVIVES_MAX} seeds"));
    Err(Failure { seed: SURVIVES_MAX, broken: survived, trace: String::new() })
}
