//! `veloera projections`: read models that follow a log at a distance. Works beside a running server.

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use eventlog::{Database, Progress};
use projections::{Calls, Status};

use super::{Place, meter::Meter};
use crate::{config::Flags, data_dir::DataDir, environment::Machine, pools, serve};

/// For how long tables stay that were replaced: answers that were begun on them end meanwhile.
const RETIRE_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub(super) enum Projections {
    /// Prints how far each has come.
    Status(Asked),
    /// Makes one anew from events, beside the one in use, and puts it in its place.
    Rebuild(Rebuild),
}

#[derive(Args, Debug)]
pub(super) struct Asked {
    #[command(flatten)]
    place: Place,
    /// Prints one JSON object a line instead of lines for people.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Rebuild {
    /// Which one.
    projection: Name,
    #[command(flatten)]
    place: Place,
}

/// What there is to rebuild.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// The usage log.
    Calls,
}

impl Projections {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Status(asked) => asked.run(),
            Self::Rebuild(Rebuild { projection: Name::Calls, place }) => rebuild_calls(place),
        }
    }
}

impl Asked {
    fn run(self) -> anyhow::Result<()> {
        let database = database(self.place)?;
        let status = pools::single("control")?.block_on(async {
            let reader = eventlog::connect_read_only(database.clone(), &serve::components()).await?;
            Calls::status(&reader, Machine::now()).await
        });
        let status = status.with_context(|| format!("{database} cannot be read"))?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &status)?;
            writeln!(out)?;
        } else {
            people(&mut out, &status)?;
        }
        Ok(())
    }
}

fn people(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let Status { projection, log, generation, position, head, lag_events, lag_ms, .. } = status;
    writeln!(out, "{projection}: at {position} of {head} of the {log} log, generation {generation}")?;
    if *lag_events > 0 {
        writeln!(out, "  {lag_events} events behind, the first of them for {lag_ms} ms")?;
    }
    if !status.is_of_this_log {
        writeln!(out, "  made from another log: it begins anew when a server follows it")?;
    }
    if let Some(position) = status.rebuilt_to {
        writeln!(out, "  generation {} is being built, at {position}", generation + 1)?;
    }
    Ok(())
}

fn rebuild_calls(place: Place) -> anyhow::Result<()> {
    let database = database(place)?;
    let mut meter = Meter::stderr();
    let rebuilt = pools::single("control")?.block_on(async {
        let (reader, writer) = eventlog::connect_beside(database.clone(), &serve::components()).await?;
        let replaced = Calls::rebuild(&reader, &writer, |progress: Progress| meter.seen(progress)).await?;
        let (generation, position) = (replaced.generation, replaced.position);
        tokio::time::sleep(RETIRE_PAUSE).await;
        replaced.retire(&writer).await?;
        anyhow::Ok((generation, position))
    });
    drop(meter);
    let (generation, position) = rebuilt.with_context(|| format!("calls of {database} were not rebuilt"))?;
    writeln!(io::stdout(), "calls: generation {generation} is in use, made from {position} events")?;
    Ok(())
}

fn database(place: Place) -> anyhow::Result<Database> {
    Ok(DataDir::existing(&place.config(Flags::default())?)?.1)
}
