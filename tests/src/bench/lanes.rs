//! What is measured.

use std::time::Duration;

use super::workload::{FRAMES, PACE, Workload};

/// One kind of load, the same for every server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) name: &'static str,
    pub(super) workload: Workload,
    pub(super) connections: usize,
}

/// All of them, in the order of the table.
pub(super) const LANES: [Lane; 5] = [
    Lane { name: "chat, 1 connection", workload: Workload::Whole, connections: 1 },
    Lane { name: "chat, 8 connections", workload: Workload::Whole, connections: 8 },
    Lane { name: "chat, 32 connections", workload: Workload::Whole, connections: 32 },
    Lane { name: "stream, paced, 100 connections", workload: Workload::Paced, connections: 100 },
    Lane { name: "stream, in bursts, 8 connections", workload: Workload::Burst, connections: 8 },
];

impl Lane {
    /// How much later than the first connection this one begins: real streams do not tick together.
    pub(super) fn offset(self, connection: usize) -> Duration {
        if self.workload != Workload::Paced {
            return Duration::ZERO;
        }
        let stream_micros = PACE.as_micros() as u64 * FRAMES as u64;
        Duration::from_micros(stream_micros * connection as u64 / self.connections as u64)
    }
}
