//! I4 and I10: the ledger's charges against the calls' stories and the provider's bill.

use std::collections::BTreeMap;

use domain::{
    CallId,
    account::{Attempt, AttemptOutcome, Deduction, Flag},
};

use super::{
    facts::cost,
    rule::{Checked, Rule, Violation, holds},
    story::{Doubt, Mark, Story},
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
            let call_id = charge.call_id;
            let twice = charges.insert(call_id, charge).is_some();
            holds(Rule::EndsOnce, !twice, || format!("{call_id} was charged twice"))?;
        }
        for (call_id, story) in &self.stories {
            self.story_is_charged(*call_id, story, charges.remove(call_id).as_ref())?;
        }
        holds(Rule::Charged, charges.is_empty(), || format!("nobody made these calls: {charges:?}"))
    }

    fn story_is_charged(&self, call_id: CallId, story: &Story, charge: Option<&Deduction>) -> Checked {
        let billed = self.provider.attempts(call_id).next().is_some();
        match (story.end(), charge) {
            (Some((seq, Mark::Settled { amount, doubt })), Some(charge)) => {
                as_written(story, seq, amount, doubt, charge)?;
                self.as_billed(call_id, story, doubt, charge)
            }
            // Its reservation was lost with the power: only where it is not made durable first can it have been billed.
            (None, None) if story.marks.is_empty() => {
                let excused = self.durable == Durable::Later;
                holds(Rule::Charged, !billed || excused, || format!("{call_id} was billed and is forgotten"))
            }
            (Some((_, Mark::Voided)), None) => {
                holds(Rule::Charged, !billed, || format!("{call_id} was billed and is void"))
            }
            _ => Err(Violation::new(Rule::Charged, format!("{call_id}: {story:?} has {charge:?}"))),
        }
    }

    /// What the provider says.
    fn as_billed(&self, call_id: CallId, story: &Story, doubt: Doubt, charge: &Deduction) -> Checked {
        let (amount, answered) = (charge.amount_nanos.get(), self.provider.answered.get(&call_id));
        let right = match doubt {
            Doubt::Answered => answered == Some(&amount),
            Doubt::Unanswered => answered.is_none() && amount == 0,
            Doubt::Died => amount == cost(story.progress()).get().min(story.reserved()),
        };
        holds(Rule::Charged, right, || {
            format!(
                "{call_id} is charged {amount} ({doubt:?}), the provider's bill is {answered:?}: {story:?}"
            )
        })?;
        let named = |number| {
            let of = |attempt: &&Attempt| attempt.attempt == number;
            let found = charge.attempts.iter().find(of);
            found.is_some_and(|attempt| attempt.outcome != AttemptOutcome::Unbilled)
        };
        let excused = story.torn && self.durable == Durable::Later;
        holds(Rule::Attempts, excused || self.provider.attempts(call_id).all(named), || {
            format!("{call_id} does not name every attempt that was billed: {:?}", charge.attempts)
        })
    }
}

/// What the journal says.
fn as_written(story: &Story, seq: u64, amount: u64, doubt: Doubt, charge: &Deduction) -> Checked {
    let has = |flag| charge.flags.contains(&flag);
    // An account that was drawn on twice is named once for each of its leases.
    let charged = charge.charges.iter().map(|charge| charge.suspense_of.unwrap_or(charge.account_id));
    let mut charged: Vec<_> = charged.collect();
    charged.dedup();
    let right = charge.seq == seq
        && charge.amount_nanos.get() == amount
        && charge.reserved_nanos.get() == story.reserved()
        && charged == story.accounts
        && has(Flag::InDoubt) == (doubt == Doubt::Died)
        && has(Flag::Unanswered) == (doubt == Doubt::Unanswered)
        && has(Flag::Overshoot) == (amount > story.reserved());
    holds(Rule::Charged, right, || format!("{story:?} has {charge:?}"))
}
