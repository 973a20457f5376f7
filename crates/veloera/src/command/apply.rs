//! `veloera apply FILE`: groups, prices and channels as a file says.

mod file;
mod server;

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use api::{Applied, AppliedItem, Outcome};
use clap::Args;
use serde_json::Value;

use super::Place;
use crate::{config::Flags, environment::Machine, offline, serve};

#[derive(Args, Debug)]
pub(super) struct Apply {
    #[command(flatten)]
    place: Place,
    /// What is to be, in TOML: `[groups.NAME]`, `[prices."MODEL"]`, `[channels.NAME]`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Applies it to a running server instead of a data directory.
    #[arg(long, value_name = "URL", requires = "admin_key_file")]
    server: Option<String>,
    /// The file that holds an admin key of the server.
    #[arg(long, value_name = "FILE", requires = "server")]
    admin_key_file: Option<PathBuf>,
}

impl Apply {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let wanted = file::read(&self.file)?;
        let applied = if let (Some(server), Some(key)) = (&self.server, &self.admin_key_file) {
            let key = std::fs::read_to_string(key).with_context(|| key.display().to_string())?;
            server::apply(server, key.trim(), &wanted)?
        } else {
            self.offline(wanted)?
        };
        print(&applied)
    }

    fn offline(self, wanted: Value) -> anyhow::Result<Applied> {
        let config = self.place.config(Flags::default())?;
        let providers = serve::providers(&config)?;
        let desired = serde_json::from_value(wanted).with_context(|| self.file.display().to_string())?;
        let trace = Machine::trace();
        offline::with_log(&config, async |log| {
            Ok(api::apply(log, &providers, &Machine, desired, trace).await?)
        })
    }
}

fn print(applied: &Applied) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for AppliedItem { kind, name, outcome } in &applied.items {
        let outcome = match outcome {
            Outcome::Created => "created",
            Outcome::Changed => "changed",
            Outcome::Unchanged => "unchanged",
        };
        writeln!(out, "{outcome:<10} {kind} {name}")?;
    }
    Ok(out.flush()?)
}
