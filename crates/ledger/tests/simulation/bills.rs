//! I4 and I10: the ledger's charges against the calls' stories and the provider's bill.

use std::collections::BTreeMap;

use domain::account::{Attempt, AttemptOutcome, Deduction, Flag};
use ledger::record::CallPart;

use super::{
    facts::{cost, told},
    jobs::JobEnd,
    rule::{Checked, Rule, Violation, holds},
    story::{Doubt, Mark, Place, Story},
    world::{Durable, World},
};

impl World<'_> {
    /// They all say the same.
    pub(crate) async fn is_charged(&mut self) -> Checked {
        let mut charges = BTreeMap::new();
        for charge in self.books.charges(self.began).await? {
            for (flag, what) in [
                (Flag::Late, "a late charge"),
                (Flag::Overshoot, "an overshoot"),
                (Flag::Suspense, "a charge on suspense"),
                (Flag::Unanswered, "a call unanswered"),
            ] {
                if charge.flags.contains(&flag) {
                    self.saw(what);
                }
            }
            let call = CallPart { call_id: charge.call_id, part: charge.part };
            let twice = charges.insert(call, charge).is_some();
            holds(Rule::EndsOnce, !twice, || format!("{} was charged twice", told(call)))?;
        }
        for (call, story) in &self.stories {
            self.story_is_charged(*call, story, charges.remove(call).as_ref())?;
        }
        for job in self.jobs.values() {
            let Some(JobEnd::Settled(amount)) = job.end else { continue };
            let charge = charges.remove(&job.call);
            let right = charge.as_ref().is_some_and(|charge| job.is_charged(amount, charge));
            holds(Rule::Charged, right, || format!("{job:?} has {charge:?}"))?;
        }
        holds(Rule::Charged, charges.is_empty(), || format!("nobody made these calls: {charges:?}"))
    }

    fn story_is_charged(&self, call: CallPart, story: &Story, charge: Option<&Deduction>) -> Checked {
        let billed = self.provider.attempts(call).next().is_some();
        match (story.end(), charge) {
            (Some((place, Mark::Settled { amount, doubt })), Some(charge)) => {
                as_written(story, place, amount, doubt, charge)?;
                self.as_billed(call, story, doubt, charge)
            }
            // Its reservation was lost with the power: only where it is not made durable first can it have been billed.
            (None, None) if story.marks.is_empty() => {
                let excused = self.durable == Durable::Later;
                holds(Rule::Charged, !billed || excused, || {
                    format!("{} was billed and is forgotten", told(call))
                })
            }
            (Some((_, Mark::Voided)), None) => {
                holds(Rule::Charged, !billed, || format!("{} was billed and is void", told(call)))
            }
            _ => Err(Violation::new(Rule::Charged, format!("{}: {story:?} has {charge:?}", told(call)))),
        }
    }

    /// What the provider says.
    fn as_billed(&self, call: CallPart, story: &Story, doubt: Doubt, charge: &Deduction) -> Checked {
        let (amount, answered) = (charge.amount_nanos.get(), self.provider.answered.get(&call));
        let right = match doubt {
            Doubt::Answered => answered == Some(&amount),
            Doubt::Unanswered => answered.is_none() && amount == 0,
            Doubt::Died => amount == cost(story.progress()).get().min(story.reserved()),
        };
        holds(Rule::Charged, right, || {
            let name = told(call);
            format!("{name} is charged {amount} ({doubt:?}), the provider's bill is {answered:?}: {story:?}")
        })?;
        let named = |number| {
            let of = |attempt: &&Attempt| attempt.attempt == number;
            let found = charge.attempts.iter().find(of);
            found.is_some_and(|attempt| attempt.outcome != AttemptOutcome::Unbilled)
        };
        let excused = story.torn && self.durable == Durable::Later;
        holds(Rule::Attempts, excused || self.provider.attempts(call).all(named), || {
            format!("{} does not name every attempt that was billed: {:?}", told(call), charge.attempts)
        })
    }
}

/// What the journal says.
fn as_written(story: &Story, place: Place, amount: u64, doubt: Doubt, charge: &Deduction) -> Checked {
    let has = |flag| charge.flags.contains(&flag);
    // An account that was drawn on twice is named once for each of its leases.
    let charged = charge.charges.iter().map(|charge| charge.suspense_of.unwrap_or(charge.account_id));
    let mut charged: Vec<_> = charged.collect();
    charged.dedup();
    let stands = (charge.journal_id, charge.seq);
    let right = (stands == place || story.carried.contains(&stands))
        && charge.amount_nanos.get() == amount
        && charge.reserved_nanos.get() == story.reserved()
        && charged == story.accounts
        && has(Flag::InDoubt) == (doubt == Doubt::Died)
        && has(Flag::Unanswered) == (doubt == Doubt::Unanswered)
        && has(Flag::Overshoot) == (amount > story.reserved());
    holds(Rule::Charged, right, || format!("{story:?} has {charge:?}"))
}
