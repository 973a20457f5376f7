//! What an audit is asked for: logs, and positions in them.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use domain::Log;
use eventlog::Heads;
use eventlog::Progress;
use thiserror::Error;

const ONE: &str = "a position, which is a whole number from 0";
const EACH: &str = "a position of each log, such as control:12,ledger:99";

/// What cannot be done as it was asked.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Usage {
    /// A value that does not fit.
    #[error("`{flag}` must be {must}, not {value:?}")]
    Value {
        /// Which flag.
        flag: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        value: String,
    },
    /// A position that the log has not reached.
    #[error("`{flag}` is {position}, but the {log} log ends at {head}")]
    Beyond {
        /// Which flag.
        flag: &'static str,
        /// What was asked.
        position: u64,
        /// Of which log.
        log: Log,
        /// Where it ends.
        head: u64,
    },
    /// What would be written does not follow what is there.
    #[error("{} ends with {log} event {last}; `--after {after}` would leave a hole behind it", path.display())]
    Hole {
        /// Which file.
        path: PathBuf,
        /// Of which log.
        log: Log,
        /// Where the file ends.
        last: u64,
        /// Where it was to go on.
        after: u64,
    },
}

/// A part of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) log: Log,
    /// The position in front of the first event.
    pub(super) after: u64,
    /// The position of the last event.
    pub(super) to: u64,
}

impl Range {
    /// How far it is done when `position` is.
    pub(super) const fn progress(self, position: u64) -> Progress {
        Progress { log: self.log, position, end: self.to }
    }
}

/// Reads the name of one log.
pub(super) fn log(name: &str) -> Result<Log, Usage> {
    let value = || Usage::Value { flag: "--log", must: "control or ledger", value: name.to_owned() };
    Log::from_name(name).ok_or_else(value)
}

/// Reads the name of one log, or `both`.
pub(super) fn logs(name: &str) -> Result<Vec<Log>, Usage> {
    let value = || Usage::Value { flag: "--log", must: "control, ledger or both", value: name.to_owned() };
    match Log::from_name(name) {
        Some(log) => Ok(vec![log]),
        None if name == "both" => Ok(Log::ALL.to_vec()),
        None => Err(value()),
    }
}

/// The parts of `logs` that were asked for, up to where they end.
pub(super) fn ranges(
    logs: &[Log],
    after: Option<&str>,
    to: Option<&str>,
    heads: Heads,
) -> Result<Vec<Range>, Usage> {
    let mut ranges: Vec<Range> =
        logs.iter().map(|log| Range { log: *log, after: 0, to: heads.of(*log) }).collect();
    for (log, position) in positions("--after", after, logs, heads)? {
        ranges.iter_mut().filter(|range| range.log == log).for_each(|range| range.after = position);
    }
    for (log, position) in positions("--to", to, logs, heads)? {
        ranges.iter_mut().filter(|range| range.log == log).for_each(|range| range.to = position);
    }
    Ok(ranges)
}

/// Reads `12` where there is one log, `control:12,ledger:99` anywhere.
fn positions(
    flag: &'static str,
    text: Option<&str>,
    logs: &[Log],
    heads: Heads,
) -> Result<Vec<(Log, u64)>, Usage> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let must = if logs.len() == 1 { ONE } else { EACH };
    let value = || Usage::Value { flag, must, value: text.to_owned() };
    text.split(',')
        .map(|part| {
            let (log, position) = match (part.split_once(':'), logs) {
                (Some((name, position)), _) => (Log::from_name(name).ok_or_else(value)?, position),
                (None, [only]) => (*only, part),
                (None, _) => return Err(value()),
            };
            let position = position.parse().map_err(|_| value())?;
            match heads.of(log) {
                _ if !logs.contains(&log) => Err(value()),
                head if position > head => Err(Usage::Beyond { flag, position, log, head }),
                _ => Ok((log, position)),
            }
        })
        .collect()
}
