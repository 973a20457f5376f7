//! `make bench`: what a call costs at the gateway, beside bare proxies in front of the same provider.
//!
//! Figures depend on the machine, so each round asks every server in turn, and the table gives medians and their
//! ratio to nginx in the same run. Nothing here asserts a time; every answer and every frame is checked.

mod checker;
mod cpu;
mod figures;
mod gateway;
mod helper;
mod lanes;
mod load;
mod machine;
mod nginx;
mod processes;
mod provider;
mod proxy;
mod rounds;
mod servers;
mod table;
mod workload;

use std::process::ExitCode;

use self::{rounds::Plan, servers::Servers};

/// What a shell knows as a usage error.
const USAGE: u8 = 64;

/// Measures, or is one of the processes that a measurement consists of.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(&Plan::FULL),
        ["--quick"] => measure(&Plan::QUICK),
        [provider::SUBCOMMAND] => helper::serve(provider::runtime(), provider::serve),
        [proxy::SUBCOMMAND, address] => {
            let provider = address.parse().expect("an address");
            helper::serve(proxy::runtime(), async |listener| proxy::serve(listener, provider).await);
        }
        _ => {
            eprintln!("usage: bench [--quick]");
            return ExitCode::from(USAGE);
        }
    }
    ExitCode::SUCCESS
}

fn measure(plan: &Plan) {
    let machine = machine::describe();
    // One thread: what the clients need is taken from what the servers could have, so it is kept small.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(async {
        let servers = Servers::start().await;
        let idle = servers.resident();
        let results = rounds::run(plan, servers.all()).await;
        format!("{}\n{}", table::calls(&results), table::memory(&idle, &servers.resident()))
    });
    println!("{machine}\n\n{report}");
}
