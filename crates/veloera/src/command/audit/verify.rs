//! `veloera audit verify`.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use ledger::AuditOptions;
use projections::calls::CallsCompare;
use serde::Serialize;

use super::History;
use crate::command::{Place, meter::Meter};

#[derive(Args, Debug)]
pub(in crate::command) struct Verify {
    #[command(flatten)]
    place: Place,
    /// Where files may be made for what memory should not hold, 56 bytes for each call [default: the data directory].
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
    /// Prints one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    #[serde(flatten)]
    audit: &'a ledger::Audit,
}

impl Verify {
    /// Exits 1 when an invariant does not hold.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let history = History::open(self.place)?;
        let mut meter = Meter::stderr();
        let options = AuditOptions {
            journal: Some(history.data_dir.journal()),
            scratch: self.temp_dir.unwrap_or_else(|| history.data_dir.path().to_owned()),
            models: vec![Box::new(CallsCompare::default())],
        };
        let read = ledger::audit(&history.reader, options, |progress| meter.seen(progress));
        let audit = history.runtime.block_on(read);
        drop(meter);
        let audit = audit.with_context(|| format!("{} cannot be verified", history.database))?;
        let ok = audit.broken.is_empty();
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &Report { ok, audit: &audit })?;
            writeln!(out)?;
        } else {
            people(&mut out, &audit)?;
        }
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn people(out: &mut impl Write, audit: &ledger::Audit) -> std::io::Result<()> {
    for broken in &audit.broken {
        writeln!(out, "BROKEN  {broken}")?;
    }
    let verdict = if audit.broken.is_empty() { "every invariant holds" } else { "the history is not intact" };
    writeln!(
        out,
        "{verdict}: {} control events, {} ledger events, {} charges, {} of them in doubt",
        audit.events.control, audit.events.ledger, audit.charges, audit.in_doubt
    )
}
