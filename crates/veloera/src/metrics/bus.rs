//! How far the logs are published.

use std::fmt;

use domain::{Log, TimeStamp};
use eventlog::{
    Clock,
    bus::{Standing, Standings},
};

use super::{Labels, Page};
use crate::environment::Machine;

pub(super) fn encode(page: &mut Page<'_>, standings: &Standings) -> fmt::Result {
    let standings = Log::ALL.map(|log| (log, standings.of(log)));
    let backlog = standings.iter().filter_map(|(log, standing)| Some((labels(*log), standing.backlog()?)));
    page.gauge("veloera_bus_backlog_events", "Events of a log that are not published", backlog)?;
    let now = Clock::now(&Machine);
    let oldest = standings.iter().map(|(log, standing)| (labels(*log), age_ms(standing, now)));
    page.gauge_seconds("veloera_bus_oldest_seconds", "How long the oldest of them has waited", oldest)?;
    let failing = standings.iter().map(|(log, standing)| (labels(*log), u64::from(standing.fault.is_some())));
    page.gauge("veloera_bus_failing", "Whether events cannot be published: 1, or 0", failing)
}

fn labels(log: Log) -> Labels {
    vec![("log", log.to_string())]
}

fn age_ms(standing: &Standing, now: TimeStamp) -> u64 {
    standing.oldest_at.map_or(0, |oldest| now.ms_since(oldest))
}
