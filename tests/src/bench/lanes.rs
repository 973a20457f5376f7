//! What is measured.

use std::time::Duration;

use super::workload::{FRAMES, PACE, Workload};

/// One kind of load, the same for every server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) name: &'static str,
    pub(super) workload: Workload,
    pub(super) connections: usize,
    pub(super) arrival: Arrival,
}

/// When requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// On each connection as soon as the one before has its answer: as many as the server can take.
    Closed,
    /// So many a second over all connections, whether the server keeps up or not. Each is timed from when it was due,
    /// so that a server which stalls is not asked less for it.
    Open { per_second: u32 },
}

/// All of them, in the order of the table.
pub(super) const LANES: [Lane; 6] = [
    Lane::closed("chat, 1 connection", Workload::Whole, 1),
    Lane::closed("chat, 8 connections", Workload::Whole, 8),
    Lane::closed("chat, 32 connections", Workload::Whole, 32),
    Lane {
        name: "chat, 1 000 a second come, 64 connections",
        workload: Workload::Whole,
        connections: 64,
        arrival: Arrival::Open { per_second: 1_000 },
    },
    Lane::closed("stream, paced, 100 connections", Workload::Paced, 100),
    Lane::closed("stream, in bursts, 8 connections", Workload::Burst, 8),
];

impl Lane {
    const fn closed(name: &'static str, workload: Workload, connections: usize) -> Self {
        Self { name, workload, connections, arrival: Arrival::Closed }
    }

    /// How much later than the first connection this one begins: real streams do not tick together, nor do arrivals.
    pub(super) fn offset(self, connection: usize) -> Duration {
        let stream = PACE * u32::try_from(FRAMES).expect("a short stream");
        let all = match (self.workload, self.interval()) {
            (_, Some(interval)) => interval,
            (Workload::Paced, None) => stream,
            (Workload::Whole | Workload::Burst, None) => Duration::ZERO,
        };
        all * u32::try_from(connection).expect("few connections") / self.divisor()
    }

    /// How far the requests of one connection are apart, where that is fixed.
    pub(super) fn interval(self) -> Option<Duration> {
        match self.arrival {
            Arrival::Closed => None,
            Arrival::Open { per_second } => Some(Duration::from_secs(1) * self.divisor() / per_second),
        }
    }

    fn divisor(self) -> u32 {
        u32::try_from(self.connections).expect("few connections")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Arrival, LANES};

    #[test]
    fn what_comes_at_a_fixed_rate_is_spread_over_the_connections() {
        let lane = LANES.into_iter().find(|lane| lane.arrival != Arrival::Closed).unwrap();
        assert_eq!(lane.interval(), Some(Duration::from_millis(64)));
        assert_eq!((lane.offset(0), lane.offset(63)), (Duration::ZERO, Duration::from_millis(63)));
    }
}
