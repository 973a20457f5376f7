//! Whether the node can take calls, and what it lacks.

use std::sync::Arc;

use api::Check;
use cluster::{Freshness, Stale};
use domain::Log;
use eventlog::{EventLog, bus::Standings};
use ledger::{Node, NodeClock};
use projections::{Calls, Directory};

use crate::environment::Machine;

/// How far behind a read model may be before the node says that it is not ready.
const LAG_MAX: u64 = 10_000;

/// All parts of one process.
pub(crate) struct NodeHealth {
    pub(crate) log: EventLog,
    pub(crate) node: Arc<Node>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) calls: Arc<Calls>,
    /// How publishing goes, where there is a bus.
    pub(crate) bus: Option<Standings>,
}

impl api::Health for NodeHealth {
    fn ready(&self) -> Vec<Check> {
        let heads = *self.log.subscribe().borrow();
        let directory = heads.control.saturating_sub(self.directory.position());
        let calls = heads.ledger.saturating_sub(self.calls.position());
        let mut checks = vec![
            journal(&self.node),
            Check {
                name: "directory",
                ok: directory < LAG_MAX,
                detail: format!("{directory} events behind"),
            },
            Check { name: "calls", ok: calls < LAG_MAX, detail: format!("{calls} events behind") },
        ];
        checks.extend(self.bus.as_ref().map(bus));
        checks
    }
}

/// Always well enough: nodes ask for what is not published.
fn bus(standings: &Standings) -> Check {
    let of = |log| {
        let standing = standings.of(log);
        let backlog = match standing.backlog() {
            Some(backlog) => format!("{backlog} events to publish"),
            None => "it is not known what is published".to_owned(),
        };
        let fault = standing.fault.map(|fault| format!("; degraded: {fault}")).unwrap_or_default();
        format!("{log}: {backlog}{fault}")
    };
    Check { name: "bus", ok: true, detail: Log::ALL.map(of).join("; ") }
}

/// All parts of a process that has no database.
pub(crate) struct RemoteHealth {
    pub(crate) node: Arc<Node>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) freshness: Arc<Freshness>,
}

impl api::Health for RemoteHealth {
    fn ready(&self) -> Vec<Check> {
        let now_ms = NodeClock::boot_ms(&Machine);
        let Stale { callers, prices, channels } = self.freshness.stale(now_ms);
        let heard = match self.freshness.age_ms(now_ms) {
            Some(age_ms) => format!("nothing was missing {age_ms} ms ago"),
            None => "it is not known whether anything is missing".to_owned(),
        };
        let so = match (callers, prices, channels) {
            (false, ..) => "",
            (true, false, _) => "; nobody is let in, for they may have been revoked",
            (true, true, false) => "; nobody is let in, and prices may have changed",
            (true, true, true) => "; nobody is let in, and prices and channels may have changed",
        };
        let position = self.directory.position();
        let detail = format!("at control:{position}; {heard}{so}");
        vec![journal(&self.node), Check { name: "directory", ok: !callers, detail }]
    }
}

fn journal(node: &Node) -> Check {
    let admits = node.admits();
    Check {
        name: "journal",
        ok: admits.is_ok(),
        detail: match admits {
            Ok(()) => format!("{} records to bring home", node.lag()),
            Err(error) => error.to_string(),
        },
    }
}
