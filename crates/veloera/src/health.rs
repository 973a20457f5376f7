//! Whether the node can take calls, and what it lacks.

use std::sync::Arc;

use api::Check;
use eventlog::EventLog;
use ledger::Node;
use projections::{Calls, Directory};

/// How far behind a read model may be before the node says that it is not ready.
const LAG_MAX: u64 = 10_000;

/// All parts of one process.
pub(crate) struct NodeHealth {
    pub(crate) log: EventLog,
    pub(crate) node: Arc<Node>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) calls: Arc<Calls>,
}

impl api::Health for NodeHealth {
    fn ready(&self) -> Vec<Check> {
        let heads = *self.log.subscribe().borrow();
        let directory = heads.control.saturating_sub(self.directory.position());
        let calls = heads.ledger.saturating_sub(self.calls.position());
        let admits = self.node.admits();
        vec![
            Check {
                name: "journal",
                ok: admits.is_ok(),
                detail: match admits {
                    Ok(()) => format!("{} records to bring home", self.node.lag()),
                    Err(error) => error.to_string(),
                },
            },
            Check {
                name: "directory",
                ok: directory < LAG_MAX,
                detail: format!("{directory} events behind"),
            },
            Check { name: "calls", ok: calls < LAG_MAX, detail: format!("{calls} events behind") },
        ]
    }
}
