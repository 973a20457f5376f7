//! `veloera audit replay`.

mod view;

use std::{
    io::{BufWriter, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use domain::{AccountId, Log, TimeStamp};
use eventlog::{LogReader, Recorded, StoreError};

use self::view::{AccountView, View};
use super::{
    History,
    asked::{self, Usage},
    meter::Meter,
};
use crate::command::Place;

#[derive(Args, Debug)]
pub(in crate::command) struct Replay {
    #[command(flatten)]
    place: Place,
    /// The position up to which events count [default: the log's last].
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: Option<String>,
    /// The log that POSITION is in, `ledger` or `control`: the accounts as of when that event was recorded.
    #[arg(long, value_name = "LOG", default_value = "ledger")]
    log: String,
    /// Prints only this account.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Prints one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = asked::log(&self.log)?;
        let account = self.account.as_deref().map(account).transpose()?;
        let history = History::open(self.place)?;
        let replayed = history.runtime.block_on(replayed(&history.reader, log, self.to.as_deref()));
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

/// The accounts, and the position of the control log that they were asked by.
async fn replayed(
    reader: &LogReader,
    log: Log,
    to: Option<&str>,
) -> anyhow::Result<(ledger::Replay, Option<u64>)> {
    let heads = reader.heads().await?;
    let [range] = asked::ranges(&[log], None, to, heads)?[..] else { bail!("one log has one part") };
    let (to, control_position) = match log {
        Log::Ledger => (range.to, None),
        Log::Control => (recorded_by(reader, range.to, heads.ledger).await?, Some(range.to)),
    };
    let mut meter = Meter::stderr();
    Ok((ledger::replay(reader, to, |progress| meter.seen(progress)).await?, control_position))
}

/// The last ledger event, up to `head`, that was recorded no later than a control event: time rises with the position.
async fn recorded_by(reader: &LogReader, control_position: u64, head: u64) -> Result<u64, StoreError> {
    let moment = recorded_at(reader, Log::Control, control_position).await?;
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if recorded_at(reader, Log::Ledger, middle).await? <= moment {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// When an event was recorded; `None` before the first, which is before all.
async fn recorded_at(reader: &LogReader, log: Log, position: u64) -> Result<Option<TimeStamp>, StoreError> {
    let Some(before) = position.checked_sub(1) else { return Ok(None) };
    let event: Option<Recorded> = reader.read(log, before, 1).await?.pop();
    event.map(|event| Some(event.recorded_at)).ok_or(StoreError::Head { log, head: position, last: before })
}
