//! `veloera audit`.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use serde::Serialize;

use crate::{config::Config, data_dir::DataDir, pools};

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    #[serde(flatten)]
    audit: &'a ledger::Audit,
}

/// Verifies, beside a running server if there is one; exits 1 when an invariant does not hold.
pub(super) fn verify(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let database = DataDir::existing(&config.data_dir)?.database();
    let runtime = pools::single("control")?;
    let audit = runtime.block_on(async {
        let reader = eventlog::connect_read_only(&database).await?;
        ledger::audit(&reader).await
    });
    let audit = audit.with_context(|| format!("{} cannot be verified", database.display()))?;
    let ok = audit.broken.is_empty();
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &Report { ok, audit: &audit })?;
        writeln!(out)?;
    } else {
        people(&mut out, &audit)?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
