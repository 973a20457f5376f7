//! What one charge must say, whatever stands around it.

use std::collections::BTreeMap;

use domain::{
    AccountId, Nanos,
    account::{Attempt, AttemptOutcome, Deduction, Flag},
};

use super::broken::{Amiss, Broken, Findings};

/// I2, I9 and I10, as far as the event alone shows them.
pub(super) fn check(position: u64, charge: &Deduction, findings: &mut Findings) {
    if !is_flagged_rightly(charge) {
        findings.push(Broken::Flags { position });
    }
    let billed = billed(charge);
    if let Some(charged) = accounts(charge).chain([charge.amount_nanos]).find(|charged| *charged != billed) {
        let (charged, billed) = (charged.get(), billed.get());
        findings.push(Broken::Bill { position, charged, billed });
    }
    if let Some(amiss) = amiss(charge) {
        findings.push(Broken::Attempts { position, amiss });
    }
}

/// What each account is charged: one that was drawn on in several leases is charged in as many amounts.
fn accounts(charge: &Deduction) -> impl Iterator<Item = Nanos> {
    let mut accounts: BTreeMap<AccountId, Nanos> = BTreeMap::new();
    for charge in &charge.charges {
        let charged = accounts.entry(charge.suspense_of.unwrap_or(charge.account_id)).or_default();
        *charged = charged.plus(charge.amount_nanos);
    }
    accounts.into_values()
}

pub(super) fn has(charge: &Deduction, flag: Flag) -> bool {
    charge.flags.contains(&flag)
}

fn is_flagged_rightly(charge: &Deduction) -> bool {
    let late = charge.charges.iter().any(|charge| charge.late);
    let suspense = charge.charges.iter().any(|charge| charge.suspense_of.is_some());
    let overshoot = charge.amount_nanos > charge.reserved_nanos;
    [(Flag::Late, late), (Flag::Suspense, suspense), (Flag::Overshoot, overshoot)]
        .into_iter()
        .all(|(flag, stands_out)| has(charge, flag) == stands_out)
}

/// What the usage and the pinned price make.
fn billed(charge: &Deduction) -> Nanos {
    let bill = charge.pinned.bill(&charge.usage, charge.service_tier.as_deref());
    match () {
        () if has(charge, Flag::InDoubt) => bill.min(charge.reserved_nanos),
        () if has(charge, Flag::Unanswered) => Nanos::ZERO,
        () => bill,
    }
}

/// The customer pays the one attempt that answered; what is unknown is the operator's. A call whose node died may have
/// been answered or not.
fn amiss(charge: &Deduction) -> Option<Amiss> {
    let numbers = || charge.attempts.iter().map(|attempt| attempt.attempt);
    let count =
        |outcome| charge.attempts.iter().filter(|attempt: &&Attempt| attempt.outcome == outcome).count();
    let (answered, unknown) = (count(AttemptOutcome::Billed), count(AttemptOutcome::Unknown));
    match answered {
        _ if !numbers().is_sorted_by(|one, next| one < next) => Some(Amiss::NamedTwice),
        2.. => Some(Amiss::Several),
        _ if has(charge, Flag::InDoubt) => None,
        1 if has(charge, Flag::Unanswered) => Some(Amiss::Answered),
        0 if has(charge, Flag::Unanswered) => (unknown == 0).then_some(Amiss::Unbilled),
        0 => Some(Amiss::NobodyAnswered),
        1 => None,
    }
}
