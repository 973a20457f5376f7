//! The audit of money: every balance folded anew from the log, every bill computed anew, and compared.
//!
//! What is held in memory grows with the accounts, their open leases, the streams and the changes of prices, never
//! with the events: what must be found among all of them is sorted in a file.

mod broken;
mod charge;
mod ends;
mod fold;
mod journals;
mod kept;
mod leases;
mod prices;
mod replay;
mod sorter;
mod tables;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

use domain::{
    Log,
    account::{AccountEvent, Flag},
};
use eventlog::{Compare, Heads, LogReader, LogSnapshot, Progress, Recorded, StoreError, verify};
use serde::Serialize;
use thiserror::Error;

use self::{broken::Findings, ends::Ends, fold::Fold, journals::Journals, leases::Leases, prices::Prices};
pub use self::{
    broken::{Amiss, Broken},
    replay::{Replay, replay},
};
use crate::{
    accounts::{self, account_event},
    journal::JournalError,
    record::CallPart,
};

/// The most faults that an audit lists.
pub(crate) const FAULTS_MAX: usize = 100;

/// What an audit needs beside the database.
pub struct AuditOptions {
    /// The journal of this data directory, where there is one.
    pub journal: Option<PathBuf>,
    /// Where files may be made: 28 bytes for each call that was charged, 41 for each lease that ended, and as much again
    /// while they are sorted.
    pub scratch: PathBuf,
    /// Read models that follow the `ledger` log and are to be compared with it.
    pub models: Vec<Box<dyn Compare>>,
}

/// Why an audit came to no end.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The database cannot be read, or an event cannot.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What memory should not hold cannot be put elsewhere.
    #[error("what was read cannot be sorted in a file: {0}")]
    Scratch(#[from] io::Error),
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// How far each log was read.
    #[serde(serialize_with = "heads")]
    pub events: Heads,
    /// How many calls were charged.
    pub charges: u64,
    /// How many of them in doubt.
    pub in_doubt: u64,
    /// What does not hold, at most `FAULTS_MAX` of it.
    #[serde(serialize_with = "texts")]
    pub broken: Vec<Broken>,
}

fn heads<S: serde::Serializer>(heads: &Heads, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Log::ALL.map(|log| (log.as_str(), heads.of(log))))
}

fn texts<S: serde::Serializer>(broken: &[Broken], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(broken.iter().map(ToString::to_string))
}

/// Reads both logs whole, folds every account anew and compares; `seen` hears of every event that is read. Works beside
/// a process that writes: what is compared is what one read transaction sees.
///
/// # Errors
/// When the database or the journal cannot be read, or no file can be made.
pub async fn audit(
    reader: &LogReader,
    options: AuditOptions,
    mut seen: impl FnMut(Progress),
) -> Result<Audit, AuditError> {
    let mut snapshot = reader.snapshot().await?;
    let events = snapshot.heads().await?;
    let mut review = Review::begin(&mut snapshot, options).await?;
    let mut broken = Vec::new();
    for log in Log::ALL {
        let end = events.of(log);
        let faults = verify(&mut snapshot, log, end, FAULTS_MAX, async |snapshot, page| {
            for event in page {
                seen(Progress { log, position: event.position, end });
            }
            review.page(snapshot, log, page).await
        })
        .await?;
        broken.extend(faults.into_iter().map(Broken::Log));
        review.prices.head = events.control;
    }
    let (charges, in_doubt) = (review.ends.charges, review.in_doubt);
    broken.extend(review.end(&mut snapshot).await?);
    broken.truncate(FAULTS_MAX);
    Ok(Audit { events, charges, in_doubt, broken })
}

/// Everything that is gathered while the logs are read.
struct Review {
    prices: Prices,
    fold: Fold,
    ends: Ends,
    leases: Leases,
    journals: Journals,
    models: Vec<Box<dyn Compare>>,
    in_doubt: u64,
    findings: Findings,
}

impl Review {
    async fn begin(snapshot: &mut LogSnapshot, options: AuditOptions) -> Result<Self, AuditError> {
        let mut findings = Findings::default();
        let cursors = tables::cursors(snapshot.connection()).await?;
        let journals = Journals::read(options.journal.as_deref(), cursors, &mut findings)?;
        Ok(Self {
            prices: Prices::default(),
            fold: Fold::default(),
            ends: Ends::new(&options.scratch),
            leases: Leases::new(&options.scratch),
            journals,
            models: options.models,
            in_doubt: 0,
            findings,
        })
    }

    async fn page(
        &mut self,
        snapshot: &mut LogSnapshot,
        log: Log,
        page: &[Recorded],
    ) -> Result<(), AuditError> {
        match log {
            Log::Control => page.iter().try_for_each(|event| self.prices.event(event))?,
            Log::Ledger => {
                page.iter().try_for_each(|event| self.event(event))?;
                for model in &mut self.models {
                    self.findings.extend(model.page(snapshot, page).await?);
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, recorded: &Recorded) -> Result<(), AuditError> {
        let Some((id, event)) = account_event(recorded)? else { return Ok(()) };
        if let AccountEvent::QuotaDeducted(charge) = &event {
            let (position, findings) = (recorded.position, &mut self.findings);
            self.in_doubt += u64::from(charge::has(charge, Flag::InDoubt));
            charge::check(position, charge, findings);
            self.prices.check(position, charge, findings)?;
            self.journals.charged(position, charge, &mut self.ends, findings)?;
            let call = CallPart { call_id: charge.call_id, part: charge.part };
            self.ends.charged(call, position)?;
        }
        self.leases.event(id, &event)?;
        self.fold.event(id, &event);
        Ok(())
    }

    async fn end(mut self, snapshot: &mut LogSnapshot) -> Result<Vec<Broken>, AuditError> {
        let findings = &mut self.findings;
        self.fold.compare(&accounts::all(snapshot.connection()).await?, findings);
        self.fold.leases(&accounts::leases(snapshot.connection()).await?, findings);
        self.fold.holds(&accounts::holds::leases(snapshot.connection()).await?, findings);
        self.leases.compare(findings)?;
        self.journals.end(&mut self.ends, findings)?;
        self.ends.compare(snapshot, findings).await?;
        for model in &mut self.models {
            findings.extend(model.end(snapshot).await?);
        }
        findings.extend(kept::faults(snapshot).await?);
        Ok(self.findings.into_inner())
    }
}
