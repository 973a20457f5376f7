//! `veloera audit export`.

mod file;
mod line;
mod tail;

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use domain::Log;
use eventlog::{LogFault, LogReader, PAGE_MAX};

use self::line::Line;
use super::{
    History,
    asked::{self, Range, Usage},
};
use crate::command::{Place, meter::Meter};

#[derive(Args, Debug)]
pub(in crate::command) struct Export {
    #[command(flatten)]
    place: Place,
    /// `control`, `ledger` or `both`, the control log first.
    #[arg(long, value_name = "LOG", default_value = "both")]
    log: String,
    /// The position after which to begin, such as `12`, or `control:12,ledger:99` for both logs.
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    after: Option<String>,
    /// The position after which to end, in the same form [default: the last].
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: Option<String>,
    /// Where to write; a file that an earlier export wrote is gone on with [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let logs = asked::logs(&self.log)?;
        let history = History::open(self.place)?;
        let (reader, runtime) = (&history.reader, &history.runtime);
        let heads = runtime.block_on(reader.heads())?;
        let mut ranges = asked::ranges(&logs, self.after.as_deref(), self.to.as_deref(), heads)?;
        let Some(path) = self.out else {
            let out = BufWriter::new(std::io::stdout().lock());
            runtime.block_on(write(reader, &ranges, out, &mut Meter::beside_stdout()))?;
            return Ok(ExitCode::SUCCESS);
        };
        let file = file::open(&path)?;
        runtime.block_on(go_on(reader, &path, &file, &mut ranges))?;
        let written = runtime.block_on(write(reader, &ranges, BufWriter::new(&file), &mut Meter::stderr()));
        written.with_context(|| format!("{} cannot be written", path.display()))?;
        file.sync_all()?;
        let mut out = std::io::stdout().lock();
        for Range { log, after, to } in ranges {
            let count = to.saturating_sub(after);
            writeln!(out, "{}: {count} {log} events after {after}", path.display())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Lets each part begin behind what the file holds of its log.
async fn go_on(
    reader: &LogReader,
    path: &Path,
    file: &std::fs::File,
    ranges: &mut [Range],
) -> anyhow::Result<()> {
    let logs: Vec<Log> = ranges.iter().map(|range| range.log).collect();
    let end = file::end(file, &logs).with_context(|| format!("{} is no export", path.display()))?;
    for last in &end.lasts {
        let stored = reader.read(last.log, last.position.saturating_sub(1), 1).await?.pop();
        if !stored.is_some_and(|stored| last.names(&stored)) {
            bail!(
                "{} was exported from another log: its {} event {} is not the one here",
                path.display(),
                last.log,
                last.position
            );
        }
    }
    for range in ranges {
        let Some(last) = end.lasts.iter().find(|last| last.log == range.log) else { continue };
        if range.after > last.position {
            let (path, log) = (path.to_owned(), range.log);
            return Err(Usage::Hole { path, log, last: last.position, after: range.after }.into());
        }
        range.after = last.position;
    }
    // Only now is it known to be ours.
    file::cut(file, end.bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Page by page and without one long read transaction: events never change, and a slow reader at the other end of a
/// pipe must not keep the server from tidying its database.
async fn write<W: Write, M: Write, C: Fn() -> u64>(
    reader: &LogReader,
    ranges: &[Range],
    mut out: W,
    meter: &mut Meter<M, C>,
) -> anyhow::Result<()> {
    for range in ranges {
        let Range { log, mut after, to } = *range;
        while after < to {
            let left = usize::try_from(to - after).unwrap_or(PAGE_MAX);
            let events = reader.read(log, after, left.min(PAGE_MAX)).await?;
            if events.is_empty() {
                bail!("the {log} log ends at {after}, before its head; run `veloera audit verify`");
            }
            for event in &events {
                // What was changed is no evidence, and no reader of the file could tell.
                if event.expected_hash(reader.log_id(log)) != event.leaf_hash {
                    return Err(LogFault::Changed { log, position: event.position }.into());
                }
                serde_json::to_writer(&mut out, &Line::of(event)?)?;
                out.write_all(b"\n")?;
                after = event.position;
                meter.seen(range.progress(after));
            }
        }
    }
    out.flush()?;
    Ok(())
}
