//! What becomes of a call once it is reserved: it is sent, waited for and settled.

use domain::{
    Nanos,
    account::{AttemptOutcome, Flag},
};
use ledger::{record::CallPart, step::Input};

use super::{
    facts::{INPUT, attempt, cost, told, usage},
    rule::Checked,
    slip::Slip,
    story::{Doubt, Flight, Mark, Story},
    world::{Durable, World},
};

/// How often one call may be tried.
const ATTEMPTS_MAX: u32 = 3;

impl World<'_> {
    /// An open call goes on by one step.
    pub(crate) fn advance(&mut self, call: CallPart) -> Checked {
        let Some(story) = self.stories.get(&call) else { return Ok(()) };
        let (k, attempts) = (story.node, story.attempts);
        match (story.answered, story.flight) {
            (Some(tokens), _) => self.settle(call, tokens),
            (None, Some(Flight::Written)) => {
                self.send(call);
                Ok(())
            }
            (None, Some(Flight::Refused)) => self.attempt_ended(call, AttemptOutcome::Unbilled),
            (None, Some(Flight::TimedOut)) => self.attempt_ended(call, AttemptOutcome::Unknown),
            (None, Some(Flight::Answers { .. })) if self.dice.once_in(4) => self.extend(call),
            (None, Some(Flight::Answers { tokens, seen })) => {
                if seen == tokens || self.dice.once_in(2) {
                    self.set(call, |story| story.answered = Some(tokens));
                    return self.attempt_ended(call, AttemptOutcome::Billed);
                }
                let seen = self.dice.between(seen + 1, tokens);
                self.take(k, Input::Progress { call, output_tokens: seen })?;
                self.mark(call, Mark::Progress(seen));
                self.set(call, |story| story.flight = Some(Flight::Answers { tokens, seen }));
                Ok(())
            }
            (None, None) if attempts < ATTEMPTS_MAX && !self.dice.once_in(8) => {
                let number = attempts + 1;
                self.take(k, Input::Sent { call, attempt: attempt(number)? })?;
                self.mark(call, Mark::Sent(number));
                self.set(call, |story| (story.attempts, story.flight) = (number, Some(Flight::Written)));
                Ok(())
            }
            (None, None) => self.give_up(call),
        }
    }

    fn set(&mut self, call: CallPart, change: impl FnOnce(&mut Story)) {
        self.stories.get_mut(&call).map(change);
    }

    /// The first byte leaves. The provider bills at once what it will bill.
    fn send(&mut self, call: CallPart) {
        let Some(story) = self.stories.get(&call) else { return };
        let (k, attempt, reserved) = (story.node, story.attempts, story.reserved());
        if self.durable == Durable::BeforeSending && self.slip != Some(Slip::SendUnsynced) {
            self.node(k).disk.sync();
        }
        let most = reserved.saturating_sub(INPUT);
        let tokens =
            if self.dice.once_in(5) { most + self.dice.below(reserved) } else { self.dice.below(most + 1) };
        let flight = match self.dice.below(10) {
            0..3 => Flight::Refused,
            3 => Flight::TimedOut,
            4 => {
                self.provider.bills(call, attempt, cost(tokens).get());
                Flight::TimedOut
            }
            _ => {
                self.provider.bills(call, attempt, cost(tokens).get());
                self.provider.answered.insert(call, cost(tokens).get());
                Flight::Answers { tokens, seen: 0 }
            }
        };
        self.say(|| format!("node {k}: {} is sent, {flight:?}", told(call)));
        self.set(call, |story| story.flight = Some(flight));
    }

    fn attempt_ended(&mut self, call: CallPart, outcome: AttemptOutcome) -> Checked {
        let Some(story) = self.stories.get_mut(&call) else { return Ok(()) };
        let (k, attempt) = (story.node, story.attempts);
        story.flight = None;
        self.take(k, Input::AttemptEnded { call, attempt, outcome })?;
        self.mark(call, Mark::Ended(attempt, outcome));
        Ok(())
    }

    fn settle(&mut self, call: CallPart, tokens: u64) -> Checked {
        let tokens = tokens + u64::from(self.slip == Some(Slip::Overcharge));
        self.end(call, usage(tokens), cost(tokens), Doubt::Answered)
    }

    /// No attempt answered: what may have been billed is the operator's.
    fn give_up(&mut self, call: CallPart) -> Checked {
        let Some(story) = self.stories.get(&call) else { return Ok(()) };
        let k = story.node;
        if story.may_be_billed() {
            return self.end(call, domain::price::Usage::NONE, Nanos::ZERO, Doubt::Unanswered);
        }
        self.take(k, Input::Void { call })?;
        self.mark(call, Mark::Voided);
        self.say(|| format!("node {k}: {} is voided", told(call)));
        Ok(())
    }

    fn end(&mut self, call: CallPart, usage: domain::price::Usage, amount: Nanos, doubt: Doubt) -> Checked {
        let Some(story) = self.stories.get(&call) else { return Ok(()) };
        let k = story.node;
        let flags = if doubt == Doubt::Unanswered { vec![Flag::Unanswered] } else { Vec::new() };
        let (usage, ended_at) = (Box::new(usage), self.books.wall.now());
        self.take(k, Input::Settle { call, usage, amount, flags, ended_at })?;
        self.mark(call, Mark::Settled { amount: amount.get(), doubt });
        self.say(|| format!("node {k}: {} is settled at {amount}, {doubt:?}", told(call)));
        Ok(())
    }
}
