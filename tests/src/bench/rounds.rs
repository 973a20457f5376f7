//! The rounds: each server in turn, so that what the machine does meanwhile falls on all of them.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    cpu::Cpu,
    figures::Figures,
    lanes::{LANES, Lane},
    load::Load,
    servers::Server,
};
use crate::http::Failure;

/// How long all this takes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rounds: usize,
    /// How long each server is loaded in each lane of a round.
    pub(super) length: Duration,
    /// What a round does that is counted and not timed is divided by this.
    divisor: usize,
    /// After this nothing more is begun.
    all: Duration,
}

/// What was measured of each server in one lane.
#[derive(Debug)]
pub(super) struct Results<'a> {
    pub(super) lane: Lane,
    pub(super) rows: Vec<Row<'a>>,
}

/// What was measured of one server.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) server: &'a Server,
    pub(super) rounds: Vec<Figures>,
}

impl Plan {
    pub(super) const FULL: Self =
        Self { rounds: 3, length: Duration::from_secs(3), divisor: 1, all: Duration::from_mins(6) };
    /// Long enough to see that everything works.
    pub(super) const QUICK: Self =
        Self { rounds: 1, length: Duration::from_millis(500), divisor: 50, all: Duration::from_mins(1) };

    /// So much of what is `full` when there is time enough.
    pub(super) const fn scaled(&self, full: usize) -> usize {
        full / self.divisor
    }
}

/// Measures every server in every lane.
pub(super) async fn run<'a>(plan: &Plan, servers: &'a [Server]) -> Vec<Results<'a>> {
    let row = |server| Row { server, rounds: Vec::new() };
    let mut results: Vec<Results<'a>> =
        LANES.map(|lane| Results { lane, rows: servers.iter().map(row).collect() }).into();
    let deadline = Instant::now() + plan.all;
    for round in 1..=plan.rounds {
        for Results { lane, rows } in &mut results {
            for Row { server, rounds } in rows {
                if Instant::now() > deadline {
                    eprintln!("bench: the time is up in round {round}");
                    return results;
                }
                eprintln!("bench: round {round} of {}, {}, {}", plan.rounds, lane.name, server.name);
                match measure(*lane, server, plan.length).await {
                    Ok(figures) => rounds.push(figures),
                    Err(failure) => panic!("{}, {}: {failure}", lane.name, server.name),
                }
            }
        }
    }
    results
}

/// Loads one server in one lane.
pub(super) async fn measure(lane: Lane, server: &Server, length: Duration) -> Result<Figures, Failure> {
    let mut load = Load::open(lane, server.address, &server.keys).await?;
    quiet(server).await?;
    let before = Cpu::of_tree(server.pid);
    let seen = load.run(length).await?;
    // Work that an answer leaves behind is part of its price.
    let quiet = quiet(server).await?;
    let cpu = Cpu::of_tree(server.pid).since(before);
    Ok(Figures::new(seen, cpu, quiet))
}

async fn quiet(server: &Server) -> Result<Duration, Failure> {
    server.quiet().await.ok_or_else(|| "it did not come to rest".into())
}
