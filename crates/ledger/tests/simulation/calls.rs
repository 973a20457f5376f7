//! What becomes of a call once it is reserved: it is sent, waited for and settled.

use domain::{
    CallId, Nanos,
    account::{AttemptOutcome, Flag},
};
use ledger::{record::CallPart, step::Input};

use super::{
    facts::{INPUT, attempt, cost, usage},
    mutant::Mutant,
    rule::Checked,
    story::{Doubt, Flight, Mark, Story},
    world::{Durable, World},
};

/// How often one call may be tried.
const ATTEMPTS_MAX: u32 = 3;

pub(crate) const fn whole(call_id: CallId) -> CallPart {
    CallPart { call_id, part: 0 }
}

impl World<'_> {
    /// An open call goes on by one step.
    pub(crate) fn advance(&mut self, call_id: CallId) -> Checked {
        let Some(story) = self.stories.get(&call_id) else { return Ok(()) };
        let (k, attempts, call) = (story.node, story.attempts, whole(call_id));
        match (story.answered, story.flight) {
            (Some(tokens), _) => self.settle(call_id, tokens),
            (None, Some(Flight::Written)) => {
                self.send(call_id);
                Ok(())
            }
            (None, Some(Flight::Refused)) => self.attempt_ended(call_id, AttemptOutcome::Unbilled),
            (None, Some(Flight::TimedOut)) => self.attempt_ended(call_id, AttemptOutcome::Unknown),
            (None, Some(Flight::Answers { .. })) if self.dice.once_in(4) => self.extend(call_id),
            (None, Some(Flight::Answers { tokens, seen })) => {
                if seen == tokens || self.dice.once_in(2) {
                    self.set(call_id, |story| story.answered = Some(tokens));
                    return self.attempt_ended(call_id, AttemptOutcome::Billed);
                }
                let seen = self.dice.between(seen + 1, tokens);
                self.take(k, Input::Progress { call, output_tokens: seen })?;
                self.mark(call_id, Mark::Progress(seen));
                self.set(call_id, |story| story.flight = Some(Flight::Answers { tokens, seen }));
                Ok(())
            }
            (None, None) if attempts < ATTEMPTS_MAX && !self.dice.once_in(8) => {
                let number = attempts + 1;
                self.take(k, Input::Sent { call, attempt: attempt(number)? })?;
                self.mark(call_id, Mark::Sent(number));
                self.set(call_id, |story| (story.attempts, story.flight) = (number, Some(Flight::Written)));
                Ok(())
            }
            (None, None) => self.give_up(call_id),
        }
    }

    fn set(&mut self, call_id: CallId, change: impl FnOnce(&mut Story)) {
        self.stories.get_mut(&call_id).map(change);
    }

    /// The first byte leaves. The provider bills at once what it will bill.
    fn send(&mut self, call_id: CallId) {
        let Some(story) = self.stories.get(&call_id) else { return };
        let (k, attempt, reserved) = (story.node, story.attempts, story.reserved());
        if self.durable == Durable::BeforeSending && self.mutant != Some(Mutant::SendUnsynced) {
            self.node(k).disk.sync();
        }
        let most = reserved.saturating_sub(INPUT);
        let tokens =
            if self.dice.once_in(5) { most + self.dice.below(reserved) } else { self.dice.below(most + 1) };
        let flight = match self.dice.below(10) {
            0..3 => Flight::Refused,
            3 => Flight::TimedOut,
            4 => {
                self.provider.bills(call_id, attempt, cost(tokens).get());
                Flight::TimedOut
            }
            _ => {
                self.provider.bills(call_id, attempt, cost(tokens).get());
                self.provider.answered.insert(call_id, cost(tokens).get());
                Flight::Answers { tokens, seen: 0 }
            }
        };
        self.say(|| format!("node {k}: {call_id} is sent, {flight:?}"));
        self.set(call_id, |story| story.flight = Some(flight));
    }

    fn attempt_ended(&mut self, call_id: CallId, outcome: AttemptOutcome) -> Checked {
        let Some(story) = self.stories.get_mut(&call_id) else { return Ok(()) };
        let (k, attempt, call) = (story.node, story.attempts, whole(call_id));
        story.flight = None;
        self.take(k, Input::AttemptEnded { call, attempt, outcome })?;
        self.mark(call_id, Mark::Ended(attempt, outcome));
        Ok(())
    }

    fn settle(&mut self, call_id: CallId, tokens: u64) -> Checked {
        let tokens = tokens + u64::from(self.mutant == Some(Mutant::Overcharge));
        self.end(call_id, usage(tokens), cost(tokens), Doubt::Answered)
    }

    /// No attempt answered: what may have been billed is the operator's.
    fn give_up(&mut self, call_id: CallId) -> Checked {
        let Some(story) = self.stories.get(&call_id) else { return Ok(()) };
        let k = story.node;
        if story.may_be_billed() {
            return self.end(call_id, domain::price::Usage::NONE, Nanos::ZERO, Doubt::Unanswered);
        }
        self.take(k, Input::Void { call: whole(call_id) })?;
        self.mark(call_id, Mark::Voided);
        self.say(|| format!("node {k}: {call_id} is voided"));
        Ok(())
    }

    fn end(&mut self, call_id: CallId, usage: domain::price::Usage, amount: Nanos, doubt: Doubt) -> Checked {
        let Some(story) = self.stories.get(&call_id) else { return Ok(()) };
        let k = story.node;
        let flags = if doubt == Doubt::Unanswered { vec![Flag::Unanswered] } else { Vec::new() };
        let (usage, ended_at) = (Box::new(usage), self.books.wall.now());
        self.take(k, Input::Settle { call: whole(call_id), usage, amount, flags, ended_at })?;
        self.mark(call_id, Mark::Settled { amount: amount.get(), doubt });
        self.say(|| format!("node {k}: {call_id} is settled at {amount}, {doubt:?}"));
        Ok(())
    }
}
