//! `veloera audit as-of`.

use std::process::ExitCode;

use clap::Args;
use domain::{Log, TimeStamp};
use eventlog::LogReader;

use super::{
    asked::Usage,
    moment::recorded_by,
    replay::{Asked, Shown},
};

#[derive(Args, Debug)]
pub(in crate::command) struct AsOf {
    /// The moment, in RFC 3339, such as `2026-11-24T08:00:00Z`: what was recorded later does not count.
    #[arg(value_name = "TIME", allow_hyphen_values = true)]
    time: String,
    #[command(flatten)]
    shown: Shown,
}

impl AsOf {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let moment = TimeStamp::parse(&self.time).map_err(|_| Usage::Value {
            flag: "TIME",
            must: "a moment in RFC 3339, such as 2026-11-24T08:00:00Z",
            value: self.time.clone(),
        })?;
        self.shown.run(async |reader| asked(reader, moment).await)
    }
}

/// Where both logs stood then.
async fn asked(reader: &LogReader, moment: TimeStamp) -> anyhow::Result<Asked> {
    let heads = reader.heads().await?;
    let by = async |log| recorded_by(reader, log, Some(moment), heads.of(log)).await;
    Ok(Asked { to: by(Log::Ledger).await?, control_position: Some(by(Log::Control).await?) })
}
