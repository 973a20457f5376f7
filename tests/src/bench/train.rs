//! `bench train`: a gateway does for a minute what gateways mostly do, so that a build which counts what it does has
//! something to count. Nothing is measured.

use std::time::Duration;

use super::{gateway::Gateway, lanes::LANES, provider, rounds::measure, servers::Server};

/// Hidden: a build calls it so.
pub(super) const SUBCOMMAND: &str = "train";

/// How long each lane is trained. What is rare within a call has come a thousand times by then.
const LENGTH: Duration = Duration::from_secs(8);

/// Trains, and ends the gateway in order: only then does it write what it counted.
pub(super) async fn run() {
    let provider = provider::start();
    let server = Server::of("Veloera", Gateway::start(provider.address, None).await);
    for lane in LANES {
        eprintln!("bench: training, {}", lane.name);
        if let Err(failure) = measure(lane, &server, LENGTH).await {
            panic!("{}: {failure}", lane.name);
        }
    }
    server.end().await;
}
