//! The usage log: what every charged call came to, from the `ledger` log, at a distance.

mod compare;
mod page;
mod query;
mod row;
#[cfg(test)]
pub(crate) mod tests;
mod totals;

use std::sync::Arc;

use domain::{Log, TimeStamp};
use eventlog::{
    Component, Connection, Dialect, EventLog, LogReader, Migration, Pool, Progress, Recorded, StoreError,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

pub use self::{
    compare::CallsCompare,
    query::{CallFilter, list},
    row::CallRow,
    totals::{CallKind, CallTotals},
};
use self::{page::Page, totals::Totals};
use crate::runner::{self, Generation, Projection, RebuildError, Replaced, Runner, Status};

/// Follows the `ledger` log into the usage log.
pub type Calls = Runner<CallLog>;

/// The usage log as a read model.
#[derive(Default)]
pub struct CallLog {
    totals: Mutex<Totals>,
}

/// The tables of a generation, but for the first, which `v1` makes.
const MAKE: [&str; 2] = [include_str!("calls/make.sql"), include_str!("calls/make.postgres.sql")];

impl Projection for CallLog {
    const NAME: &'static str = "calls";
    const LOG: Log = Log::Ledger;
    type Page = Page;

    fn make(dialect: Dialect, generation: Generation) -> String {
        let [sqlite, postgres] = MAKE;
        let statements = match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        };
        statements.replace("{calls}", &table(generation))
    }

    fn drop(generation: Generation) -> String {
        format!("DROP TABLE IF EXISTS {}", table(generation))
    }

    fn empty(generation: Generation) -> String {
        format!("DELETE FROM {}", table(generation))
    }

    fn page(events: &[Recorded]) -> Result<Page, StoreError> {
        Page::of(events)
    }

    fn write<'a>(
        page: &'a mut Page,
        connection: &'a mut Connection,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(page.write(connection, table(generation)))
    }

    fn taken(&self, page: Page) {
        self.totals.lock().merge(page.totals);
    }
}

/// What the table of a generation is called.
fn table(generation: Generation) -> String {
    generation.table(CallLog::NAME)
}

impl Calls {
    /// Its tables, and the checkpoints of every read model that follows at a distance.
    pub const COMPONENT: Component = Component {
        name: "calls",
        migrations: &[
            Migration {
                sqlite: include_str!("calls/v1.sql"),
                postgres: include_str!("calls/v1.postgres.sql"),
            },
            Migration {
                sqlite: include_str!("calls/v2.sql"),
                postgres: include_str!("calls/v2.postgres.sql"),
            },
        ],
    };

    /// Where it left off; nothing is done before it follows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(log: &EventLog) -> Result<Arc<Self>, StoreError> {
        Self::open(log, CallLog::default()).await
    }

    /// What the calls add up to that were listed since the process started.
    pub fn totals(&self) -> Vec<(CallKind, CallTotals)> {
        self.projection().totals.lock().list()
    }

    /// How the usage log stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(reader: &LogReader, now: TimeStamp) -> Result<Status, StoreError> {
        runner::status::<CallLog>(reader, now).await
    }

    /// Makes the usage log anew from events, beside the one in use, and puts it in its place; a server may run
    /// meanwhile. Telling how far it has come as it goes.
    ///
    /// # Errors
    /// When the database fails, or it was rebuilt by somebody else meanwhile.
    pub async fn rebuild(
        reader: &LogReader,
        writer: &Pool,
        seen: impl FnMut(Progress),
    ) -> Result<Replaced<CallLog>, RebuildError> {
        runner::rebuild::<CallLog>(reader, writer, seen).await
    }
}
