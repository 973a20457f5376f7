//! Lane `scale`: a relay node that knows a million tokens and a thousand channels, beside one that knows a few.

use super::{
    figures::Figures,
    gateway::{Gateway, Known},
    helper::Helper,
    lanes::LANES,
    processes, provider, rounds,
    rounds::Plan,
    servers::Server,
};

/// How many tokens the large one knows, unless `VELOERA_BENCH_TOKENS` says another number.
const TOKENS: usize = 1_000_000;
const CHANNELS: usize = 1_000;

pub(super) async fn run(plan: &Plan) -> String {
    let provider: Helper = provider::start();
    let large = Known { tokens: plan.scaled(wanted()), channels: plan.scaled(CHANNELS) };
    let mut rows = Vec::new();
    for known in [Known::default(), large] {
        eprintln!("bench: scale, {} tokens, {} channels", known.tokens, known.channels);
        let mut gateway = Gateway::relay(provider.address, known, None).await;
        let first = gateway.restarted().await;
        let kib = processes::resident_kib(gateway.pid());
        rows.push((known, first, kib, Server::of("Veloera, a relay node", gateway)));
    }
    let servers: Vec<&Server> = rows.iter().map(|(.., server)| server).collect();
    let lane = LANES[1];
    let mut figures = [Vec::new(), Vec::new()];
    for round in 1..=plan.rounds {
        eprintln!("bench: round {round} of {}, scale", plan.rounds);
        for (server, figures) in servers.iter().zip(&mut figures) {
            figures.push(rounds::measure(lane, server, plan.length).await.expect("every call is answered"));
        }
    }
    let mut table = format!(
        "| a relay node that knows | ready again after ms | resident MiB then | {}: CPU µs | resident MiB after |\n\
         |---|---:|---:|---:|---:|\n",
        lane.name
    );
    for ((known, first, kib, server), rounds) in rows.iter().zip(&figures) {
        let mib = |kib: u64| kib as f64 / 1_024.0;
        table += &format!(
            "| {} tokens, {} channels more | {:.0} | {:.1} | {:.1} | {:.1} |\n",
            known.tokens,
            known.channels,
            first.as_secs_f64() * 1_000.0,
            mib(*kib),
            Figures::median(rounds).cpu,
            mib(processes::resident_kib(server.pid)),
        );
    }
    table + "\nIt starts from its own disk; 10 000 accounts lie behind either.\n"
}

#[expect(
    clippy::disallowed_methods,
    reason = "how many tokens are wanted is said from outside, and only here"
)]
fn wanted() -> usize {
    let wanted = std::env::var("VELOERA_BENCH_TOKENS");
    wanted.map_or(TOKENS, |text| text.parse().expect("VELOERA_BENCH_TOKENS is a number"))
}
