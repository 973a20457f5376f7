//! `make bench`: what a call costs at the gateway, beside bare proxies in front of the same provider, and what the
//! ledger behind it reaches, beside bare rows in the same databases.
//!
//! Figures depend on the machine, so each round measures every side in turn, and the tables give medians and their
//! ratios in the same run. Nothing here asserts a time; every answer, every frame and every row is checked.

mod accounts;
mod append;
mod carried;
mod checker;
mod cpu;
mod figures;
mod furnished;
mod gateway;
mod helper;
mod journal;
mod lanes;
mod load;
mod log;
mod machine;
mod nginx;
mod processes;
mod provider;
mod proxy;
mod replay;
mod revoke;
mod rounds;
mod sample;
mod scale;
mod servers;
mod settle;
mod spent;
mod start;
mod store;
mod sustained;
mod table;
mod train;
mod workload;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use self::{rounds::Plan, servers::Servers};
use crate::on_core::{Cores, OnCore};

/// What a shell knows as a usage error.
const USAGE: u8 = 64;

/// One part of the measurement, with a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Calls,
    Journal,
    Append,
    Settle,
    Sustained,
    Revoke,
    Scale,
    Replay,
    Start,
}

impl Part {
    const ALL: [(&'static str, Self); 9] = [
        ("calls", Self::Calls),
        ("journal", Self::Journal),
        ("append", Self::Append),
        ("settle", Self::Settle),
        ("sustained", Self::Sustained),
        ("revoke", Self::Revoke),
        ("scale", Self::Scale),
        ("replay", Self::Replay),
        ("start", Self::Start),
    ];

    /// Those that a list names; all where it is empty.
    fn named(list: &str) -> Option<Vec<Self>> {
        if list.is_empty() {
            return Some(Self::ALL.map(|(_, part)| part).into());
        }
        let part = |name| Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, part)| *part);
        list.split(',').map(part).collect()
    }
}

/// Measures, or is one of the processes that a measurement consists of.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let (plan, rest) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--quick", ref rest @ ..] => (Plan::QUICK, rest.to_vec()),
        ref rest => (Plan::FULL, rest.to_vec()),
    };
    match rest[..] {
        [provider::SUBCOMMAND] => helper::serve(provider::runtime(), provider::serve),
        [proxy::SUBCOMMAND, address] => {
            let provider = address.parse().expect("an address");
            helper::serve(proxy::runtime(), async |listener| proxy::serve(listener, provider).await);
        }
        [train::SUBCOMMAND] => alone().block_on(train::run()),
        [] => measure(&plan, &Part::named("").expect("all of them")),
        [list] if let Some(parts) = Part::named(list) => measure(&plan, &parts),
        _ => {
            let known = Part::ALL.map(|(name, _)| name).join(",");
            eprintln!("usage: bench [--quick] [LANE,...]   of {known}; bench train");
            return ExitCode::from(USAGE);
        }
    }
    ExitCode::SUCCESS
}

fn measure(plan: &Plan, parts: &[Part]) {
    println!("{}\n", machine::describe());
    for part in parts {
        let table = match part {
            Part::Calls => calls(plan),
            Part::Journal => runtime().block_on(journal::run(plan)),
            Part::Append => runtime().block_on(append::run(plan)),
            Part::Settle => runtime().block_on(settle::run(plan)),
            Part::Sustained => runtime().block_on(sustained::run(plan)),
            Part::Revoke => runtime().block_on(revoke::run(plan)),
            Part::Scale => runtime().block_on(scale::run(plan)),
            Part::Replay => runtime().block_on(replay::run(plan)),
            Part::Start => runtime().block_on(start::run(plan)),
        };
        println!("{table}");
    }
}

/// A thread per core.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// One thread.
fn alone() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn calls(plan: &Plan) -> String {
    // One thread, beside the provider on the core that is not the servers'.
    let runtime = alone();
    let cores = Cores::shared_out();
    let _apart = cores.map(|cores| OnCore::move_to(cores.rest));
    runtime.block_on(async {
        let servers = Servers::start(cores).await;
        let idle = servers.resident();
        let results = rounds::run(plan, servers.all()).await;
        format!("{}\n{}\n", table::calls(&results), table::memory(&idle, &servers.resident()))
    })
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn lanes_are_named_in_a_list() {
        assert_eq!(Part::named("settle,journal"), Some(vec![Part::Settle, Part::Journal]));
        assert_eq!(Part::named("settle,unknown"), None);
        assert_eq!(Part::named("").map(|parts| parts.len()), Some(Part::ALL.len()));
    }
}
