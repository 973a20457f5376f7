//! `veloera audit replay`.

mod view;

use std::{
    io::{BufWriter, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use domain::{AccountId, Log};
use eventlog::LogReader;

use self::view::{AccountView, View};
use super::{
    History,
    asked::{self, Usage},
    moment::{recorded_at, recorded_by},
};
use crate::command::{Place, meter::Meter};

#[derive(Args, Debug)]
pub(in crate::command) struct Replay {
    /// The position up to which events count [default: the log's last].
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: Option<String>,
    /// The log that POSITION is in, `ledger` or `control`: the accounts as of when that event was recorded.
    #[arg(long, value_name = "LOG", default_value = "ledger")]
    log: String,
    #[command(flatten)]
    shown: Shown,
}

/// Which accounts are shown, of which history, and how.
#[derive(Args, Debug)]
pub(super) struct Shown {
    #[command(flatten)]
    place: Place,
    /// Prints only this account.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Prints one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// How much of the history counts.
pub(super) struct Asked {
    /// The last event of the `ledger` log.
    pub(super) to: u64,
    /// The event of the `control` log that belongs to it, where one was asked for.
    pub(super) control_position: Option<u64>,
}

impl Replay {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = asked::log(&self.log)?;
        let to = self.to;
        self.shown.run(async |reader| asked(reader, log, to.as_deref()).await)
    }
}

impl Shown {
    /// Prints the accounts as of what `asked` finds out.
    pub(super) fn run(
        self,
        asked: impl AsyncFnOnce(&LogReader) -> anyhow::Result<Asked>,
    ) -> anyhow::Result<ExitCode> {
        let account = self.account.as_deref().map(account).transpose()?;
        let history = History::open(self.place)?;
        let mut meter = Meter::stderr();
        let replayed = history.runtime.block_on(async {
            let asked = asked(&history.reader).await?;
            let replay = ledger::replay(&history.reader, asked.to, |progress| meter.seen(progress)).await?;
            anyhow::Ok((replay, asked.control_position))
        });
        drop(meter);
        let (replay, control_position) =
            replayed.with_context(|| format!("{} cannot be replayed", history.database)).map_err(plain)?;
        let view = view(&replay, control_position, account)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        if self.json {
            serde_json::to_writer(&mut out, &view)?;
            writeln!(out)?;
        } else {
            view.people(&mut out)?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What is shown of a replay: all of it, or the one account that was asked for.
fn view(
    replay: &ledger::Replay,
    control_position: Option<u64>,
    account: Option<AccountId>,
) -> anyhow::Result<View<'_>> {
    let (position, recorded_at) = (replay.position, replay.recorded_at);
    if let Some(fault) = &replay.fault {
        bail!("the history up to there proves nothing: {fault}; `veloera audit verify` tells more");
    }
    let wanted = |id: &AccountId| account.is_none_or(|account| account == *id);
    let rows = replay.accounts.iter().filter(|(id, _)| wanted(id));
    let accounts: Vec<_> = rows.filter_map(|(_, row)| AccountView::of(row)).collect();
    if let Some(id) = account.filter(|_| accounts.is_empty()) {
        bail!("no event up to ledger position {position} is about account {id}");
    }
    Ok(View { log: Log::Ledger, position, recorded_at, control_position, accounts })
}

/// An error of use says all by itself.
fn plain(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Usage>() {
        Ok(usage) => usage.into(),
        Err(error) => error,
    }
}

/// Reads an account's id, also as logs show it.
fn account(text: &str) -> Result<AccountId, Usage> {
    let value = || Usage::Value {
        flag: "--account",
        must: "an account's id, such as 019ac2f0-7d1e-7c3a-9b54-3f2a1c0d4e5f",
        value: text.to_owned(),
    };
    text.strip_prefix("acc_").unwrap_or(text).parse().map_err(|_| value())
}

/// Up to a position of the `ledger` log, or to where that log stood when a control event was recorded.
async fn asked(reader: &LogReader, log: Log, to: Option<&str>) -> anyhow::Result<Asked> {
    let heads = reader.heads().await?;
    let [range] = asked::ranges(&[log], None, to, heads)?[..] else { bail!("one log has one part") };
    if log == Log::Ledger {
        return Ok(Asked { to: range.to, control_position: None });
    }
    let moment = recorded_at(reader, log, range.to).await?;
    let to = recorded_by(reader, Log::Ledger, moment, heads.ledger).await?;
    Ok(Asked { to, control_position: Some(range.to) })
}
