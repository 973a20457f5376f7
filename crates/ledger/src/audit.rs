//! The audit of money: every balance folded anew from the log, every bill computed anew, and compared.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::{
    AccountId, Aggregate, CallId, JournalId, Log,
    account::{Account, AccountEvent, Adjustment, Deduction, Flag, Limit},
};
use eventlog::{Heads, LogFault, LogReader, Recorded, StoreError, verify};
use serde::Serialize;
use thiserror::Error;

use crate::accounts::{self, account_event};

/// The most faults that an audit lists.
pub(crate) const FAULTS_MAX: usize = 100;

/// An invariant that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// I1: an account is not what its events say.
    #[error("I1: {} is {stored}, its events make it {folded}", .account_id.prefixed())]
    Balance {
        /// Which account.
        account_id: AccountId,
        /// What the table says.
        stored: String,
        /// What the log says.
        folded: String,
    },
    /// I1: what is pending is not what the open leases hold.
    #[error("I1: {} has {pending} nano-dollars pending, its open leases hold {leased}", .account_id.prefixed())]
    Pending {
        /// Which account.
        account_id: AccountId,
        /// What it says.
        pending: u64,
        /// What the leases hold.
        leased: u64,
    },
    /// I2: an account is overdrawn by more than flagged charges explain.
    #[error("I2: {} is overdrawn by {overdrawn} nano-dollars, flagged charges explain {explained}", .account_id.prefixed())]
    Overdrawn {
        /// Which account.
        account_id: AccountId,
        /// By how much.
        overdrawn: u128,
        /// How much of it is explained.
        explained: u128,
    },
    /// I3: a call has two terminal events.
    #[error("I3: {} part {part} ended twice, the second time at ledger event {position}", .call_id.prefixed())]
    EndedTwice {
        /// Which call.
        call_id: CallId,
        /// Which part.
        part: u32,
        /// The second end.
        position: u64,
    },
    /// I5: a journal's cursor is behind a record that was taken in.
    #[error("I5: journal {journal_id} is known up to {cursor}, but record {seq} of it was charged")]
    Cursor {
        /// Which journal.
        journal_id: JournalId,
        /// Where the cursor stands.
        cursor: u64,
        /// What was charged.
        seq: u64,
    },
    /// I9: a charge is not what its pinned price says.
    #[error(
        "I9: ledger event {position} charges {charged} nano-dollars; its usage and pinned price make {billed}"
    )]
    Bill {
        /// Which event.
        position: u64,
        /// What was charged.
        charged: u64,
        /// What it should be.
        billed: u64,
    },
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
    /// What does not hold, at most [`FAULTS_MAX`] of it.
    #[serde(serialize_with = "texts")]
    pub broken: Vec<Broken>,
}

fn heads<S: serde::Serializer>(heads: &Heads, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Log::ALL.map(|log| (log.as_str(), heads.of(log))))
}

fn texts<S: serde::Serializer>(broken: &[Broken], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(broken.iter().map(ToString::to_string))
}

/// Reads both logs whole, folds every account anew and compares. Works beside a process that writes: what is
/// compared is what one read transaction sees.
///
/// # Errors
/// When the database cannot be read, or an event cannot.
pub async fn audit(reader: &LogReader) -> Result<Audit, StoreError> {
    let mut snapshot = reader.snapshot().await?;
    let events = snapshot.heads().await?;
    let mut audit = Audit { events, ..Audit::default() };
    let mut fold = Fold::default();
    for log in Log::ALL {
        let faults =
            verify(&mut snapshot, log, events.of(log), FAULTS_MAX, |event| fold.event(event)).await?;
        audit.broken.extend(faults.into_iter().map(Broken::Log));
    }
    audit.charges = fold.ended.len() as u64;
    audit.in_doubt = fold.in_doubt;
    audit.broken.append(&mut fold.broken);
    fold.compare(&accounts::all(snapshot.connection()).await?, &mut audit.broken);
    fold.cursors(&accounts::cursors(snapshot.connection()).await?, &mut audit.broken);
    audit.broken.truncate(FAULTS_MAX);
    Ok(audit)
}

/// The ledger log, folded.
#[derive(Default)]
struct Fold {
    accounts: HashMap<AccountId, Account>,
    /// What flagged charges may overdraw each account by.
    explained: HashMap<AccountId, u128>,
    ended: HashSet<(CallId, u32)>,
    charged: BTreeMap<JournalId, u64>,
    in_doubt: u64,
    broken: Vec<Broken>,
}

impl Fold {
    fn event(&mut self, recorded: &Recorded) -> Result<(), StoreError> {
        let Some((id, event)) = account_event(recorded)? else { return Ok(()) };
        if let AccountEvent::QuotaDeducted(deduction) = &event {
            self.deduction(recorded.position, deduction);
        }
        self.explain(id, &event);
        for account_id in event.touched(id).collect::<BTreeSet<_>>() {
            self.accounts.entry(account_id).or_default().evolve(&event);
        }
        Ok(())
    }

    fn deduction(&mut self, position: u64, deduction: &Deduction) {
        let (call_id, part) = (deduction.call_id, deduction.part);
        if !self.ended.insert((call_id, part)) {
            self.broken.push(Broken::EndedTwice { call_id, part, position });
        }
        let last = self.charged.entry(deduction.journal_id).or_default();
        *last = deduction.seq.max(*last);
        let bill = deduction.pinned.bill(&deduction.usage, deduction.service_tier.as_deref());
        let has = |flag| deduction.flags.contains(&flag);
        self.in_doubt += u64::from(has(Flag::InDoubt));
        let billed = match () {
            () if has(Flag::InDoubt) => bill.min(deduction.reserved_nanos),
            () if has(Flag::Unanswered) => domain::Nanos::ZERO,
            () => bill,
        };
        if billed != deduction.amount_nanos {
            let (charged, billed) = (deduction.amount_nanos.get(), billed.get());
            self.broken.push(Broken::Bill { position, charged, billed });
        }
    }

    /// What may bring an account below its limit: charges beyond their leases, and what is said from outside.
    fn explain(&mut self, id: AccountId, event: &AccountEvent) {
        let mut explain = |id, nanos: u64| *self.explained.entry(id).or_default() += u128::from(nanos);
        match event {
            AccountEvent::QuotaDeducted(deduction) => {
                for charge in &deduction.charges {
                    explain(charge.account_id, charge.amount_nanos.minus(charge.freed_nanos).get());
                }
            }
            AccountEvent::UsageReconciled(reconciliation) => {
                for correction in &reconciliation.corrections {
                    explain(correction.account_id, correction.posted_nanos.get());
                }
            }
            AccountEvent::Adjusted { adjustment: Adjustment::Chargeback, amount_nanos, .. } => {
                explain(id, amount_nanos.get());
            }
            AccountEvent::LimitChanged { .. } => {
                let limit = self.accounts.get(&id).map(|account| account.limit);
                if let Some(Limit::CreditNanos(nanos)) = limit {
                    explain(id, nanos.get());
                }
            }
            _ => {}
        }
    }

    fn compare(&self, stored: &HashMap<AccountId, Account>, broken: &mut Vec<Broken>) {
        let ids: BTreeSet<&AccountId> = stored.keys().chain(self.accounts.keys()).collect();
        for id in ids {
            let folded = self.accounts.get(id).cloned().unwrap_or_default();
            if stored.get(id) != Some(&folded) {
                let stored = stored.get(id).map_or_else(|| "missing".to_owned(), sums);
                broken.push(Broken::Balance { account_id: *id, stored, folded: sums(&folded) });
            }
            let leased = folded.leases.values().map(|lease| lease.unsettled().get()).sum();
            if folded.pending_nanos != leased {
                broken.push(Broken::Pending { account_id: *id, pending: folded.pending_nanos, leased });
            }
            self.overdrawn(*id, &folded, broken);
        }
    }

    fn overdrawn(&self, account_id: AccountId, account: &Account, broken: &mut Vec<Broken>) {
        let further = match account.limit {
            Limit::Unlimited => return,
            Limit::Prepaid => 0,
            Limit::CreditNanos(nanos) => i128::from(nanos.get()),
        };
        let room = i128::from(account.available_nanos()) + further;
        let explained = self.explained.get(&account_id).copied().unwrap_or(0);
        if room < 0 && room.unsigned_abs() > explained {
            broken.push(Broken::Overdrawn { account_id, overdrawn: room.unsigned_abs(), explained });
        }
    }

    fn cursors(&self, stored: &HashMap<JournalId, u64>, broken: &mut Vec<Broken>) {
        for (journal_id, seq) in &self.charged {
            let cursor = stored.get(journal_id).copied().unwrap_or(0);
            if cursor < *seq {
                broken.push(Broken::Cursor { journal_id: *journal_id, cursor, seq: *seq });
            }
        }
    }
}

fn sums(account: &Account) -> String {
    format!(
        "credit {} debit {} posted {} refunded {} pending {} in {} leases",
        account.credit_nanos,
        account.debit_nanos,
        account.posted_nanos,
        account.refunded_nanos,
        account.pending_nanos,
        account.leases.len()
    )
}
