//! `veloera audit verify`.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{History, meter::Meter};
use crate::command::Place;

#[derive(Args, Debug)]
pub(in crate::command) struct Verify {
    #[command(flatten)]
    place: Place,
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
        let read = ledger::audit_with(&history.reader, |progress| meter.seen(progress));
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
