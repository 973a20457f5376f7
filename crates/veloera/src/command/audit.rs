//! `veloera audit`: reads the history, beside a running server if there is one.

mod as_of;
mod asked;
mod export;
mod moment;
mod replay;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use eventlog::{Database, LogReader};
use tokio::runtime::Runtime;

use self::asked::Usage;
use super::Place;
use crate::{config::Flags, data_dir::DataDir, pools, serve, telemetry};

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Re-reads both logs, folds every balance anew, and says which invariant does not hold.
    Verify(verify::Verify),
    /// Folds the ledger log up to a position, and prints what every account came to then.
    Replay(replay::Replay),
    /// Prints what every account came to at a moment.
    AsOf(as_of::AsOf),
    /// Writes the events as they are stored, one JSON object a line.
    Export(export::Export),
}

impl Audit {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Verify(verify) => verify.run(),
            Self::Replay(replay) => replay.run(),
            Self::AsOf(as_of) => as_of.run(),
            Self::Export(export) => export.run(),
        };
        match done {
            Err(error) if error.is::<Usage>() => {
                telemetry::complain(&error);
                Ok(ExitCode::from(crate::USAGE))
            }
            done => done,
        }
    }
}

/// The database of a data directory, opened to be read only.
struct History {
    data_dir: DataDir,
    database: Database,
    runtime: Runtime,
    reader: LogReader,
}

impl History {
    fn open(place: Place) -> anyhow::Result<Self> {
        let config = place.config(Flags::default())?;
        let (data_dir, database) = DataDir::existing(&config)?;
        let runtime = pools::single("control")?;
        let reader = runtime
            .block_on(eventlog::connect_read_only(database.clone(), &serve::components()))
            .with_context(|| format!("{database} cannot be read"))?;
        Ok(Self { data_dir, database, runtime, reader })
    }
}
