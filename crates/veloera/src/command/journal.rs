//! `veloera journal`: what a node that will not come back has left on its disk.

use std::{io::Write, sync::Arc};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use cluster::{Control, ControlOptions, ControlUrls, Identity, RemoteLedger};
use domain::JournalId;
use ledger::{Bank, BankOptions, Homecoming, LedgerPort, bring_home, journal::JournalOptions};

use super::Place;
use crate::{
    config::{Config, Flags},
    data_dir::DataDir,
    environment::{Machine, boot_id},
    offline, pools,
};

/// So many calls in doubt are named; all of them are flagged in the ledger.
const SHOWN_MAX: usize = 20;

/// What nodes have left on their disks.
#[derive(Debug, Subcommand)]
pub(super) enum JournalCommands {
    /// Brings the journal of a node that is gone home: to a control node, or into the database.
    Upload(Upload),
}

#[derive(Args, Debug)]
pub(super) struct Upload {
    #[command(flatten)]
    place: Place,
    /// The control nodes, for the data directory of a relay node.
    #[arg(long, value_name = "URL")]
    control_url: Option<String>,
}

impl JournalCommands {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self::Upload(upload) = self;
        let told = upload.bring()?;
        say(&told, &mut std::io::stdout().lock()).context("what came of it cannot be printed")
    }
}

impl Upload {
    fn bring(self) -> anyhow::Result<Homecoming> {
        let config = self.place.config(Flags { control_url: self.control_url, ..Flags::default() })?;
        let data_dir = DataDir::of(&config);
        if !data_dir.journal().is_dir() {
            bail!(
                "{} holds no journal; name the data directory of the node with --data-dir",
                data_dir.path().display()
            );
        }
        match (&config.control_url, &config.database_url) {
            (Some(_), Some(_)) => bail!(
                "name the control nodes or the database, not both: a journal comes home by one of the two ways"
            ),
            (Some(urls), None) => by_control_node(&config, &data_dir, urls.clone()),
            (None, _) => into_the_database(&config, &data_dir),
        }
    }
}

fn by_control_node(config: &Config, data_dir: &DataDir, urls: ControlUrls) -> anyhow::Result<Homecoming> {
    let _lock = data_dir.lock()?;
    let key = data_dir.file("node.key");
    if !key.is_file() {
        bail!(
            "{} is missing: only the node that wrote a journal may bring it to a control node. For the data directory of \
             a node with a database, name that with --database-url instead",
            key.display()
        );
    }
    let sealer = data_dir.given_sealer(config.master_key.as_deref())?;
    let identity = Identity::open(&key)?;
    let control = Control::new(ControlOptions { urls, identity, sealer, clock: Arc::new(Machine) });
    let port: Arc<dyn LedgerPort> = Arc::new(RemoteLedger::new(control));
    let home = bring_home(journal(data_dir), port, Machine::now());
    Ok(pools::single("control")?.block_on(home)?)
}

fn into_the_database(config: &Config, data_dir: &DataDir) -> anyhow::Result<Homecoming> {
    DataDir::existing(config)
        .context("for the data directory of a relay node, name its control nodes with --control-url")?;
    if config.master_key.is_none() && !data_dir.has_master_key() {
        bail!("there is no master key in {}; set VELOERA_MASTER_KEY", data_dir.path().display());
    }
    offline::with_log(config, async |log| {
        let bank = Bank::open(log.clone(), BankOptions::new(Arc::new(Machine))).await?;
        Ok(bring_home(journal(data_dir), Arc::new(bank), Machine::now()).await?)
    })
}

fn journal(data_dir: &DataDir) -> JournalOptions {
    JournalOptions::new(data_dir.journal(), JournalId(Machine::uuid()), boot_id())
}

fn say(told: &Homecoming, out: &mut impl Write) -> std::io::Result<()> {
    let Homecoming { journal_id, records, charges, in_doubt, leases } = told;
    writeln!(
        out,
        "journal {journal_id}: {records} records were taken in, {charges} of them charges, {} of those in doubt; \
         {leases} leases were given back",
        in_doubt.len()
    )?;
    for doubt in in_doubt.iter().take(SHOWN_MAX) {
        writeln!(
            out,
            "in doubt: {}, charged at {} nanos",
            doubt.call.call_id.prefixed(),
            doubt.amount.get()
        )?;
    }
    if let Some(more) = in_doubt.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        writeln!(out, "and {more} more: they are flagged in the ledger")?;
    }
    out.flush()
}
