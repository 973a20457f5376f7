//! What the calls that were taken in add up to, since the process started: for those who watch, not for those who bill.

use std::collections::BTreeMap;

use domain::{
    ModelName,
    account::{Deduction, Flag, Mode},
};

/// So many models are told apart; whatever comes then is counted together.
const MODELS_MAX: usize = 1_000;

/// Of which calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKind {
    /// The model that was asked for; nothing for those that are not told apart.
    pub model: Option<ModelName>,
    /// Whether the answers were streamed.
    pub is_streamed: bool,
}

/// The sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// How many there were, each part of a long one counted.
    pub calls: u64,
    /// Of them: how many may have cost less, since their end is not known.
    pub in_doubt: u64,
    /// How many channels were tried for them.
    pub attempts: u64,
    /// All tokens that went in.
    pub input_tokens: u64,
    /// All tokens that came out.
    pub output_tokens: u64,
    /// What was charged, in billionths of a dollar.
    pub amount_nanos: u64,
}

/// All sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals(BTreeMap<CallKind, CallTotals>);

impl Totals {
    pub(super) fn add(&mut self, deduction: &Deduction) {
        let is_streamed = deduction.mode == Mode::Stream;
        let mut kind = CallKind { model: Some(deduction.model.clone()), is_streamed };
        if self.0.len() >= MODELS_MAX && !self.0.contains_key(&kind) {
            kind.model = None;
        }
        self.0.entry(kind).or_default().plus(CallTotals {
            calls: 1,
            in_doubt: deduction.flags.contains(&Flag::InDoubt).into(),
            attempts: u64::try_from(deduction.attempts.len()).unwrap_or(u64::MAX),
            input_tokens: deduction.usage.input_tokens,
            output_tokens: deduction.usage.output_tokens,
            amount_nanos: deduction.amount_nanos.get(),
        });
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (mut kind, totals) in other.0 {
            if self.0.len() >= MODELS_MAX && !self.0.contains_key(&kind) {
                kind.model = None;
            }
            self.0.entry(kind).or_default().plus(totals);
        }
    }

    pub(super) fn list(&self) -> Vec<(CallKind, CallTotals)> {
        self.0.iter().map(|(kind, totals)| (kind.clone(), *totals)).collect()
    }
}

impl CallTotals {
    const fn plus(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.in_doubt = self.in_doubt.saturating_add(other.in_doubt);
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.amount_nanos = self.amount_nanos.saturating_add(other.amount_nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calls::tests::deduction, fixtures::model};

    #[test]
    fn each_model_has_its_sums() {
        let mut totals = Totals::default();
        for number in [1, 2] {
            totals.add(&deduction(number));
        }
        totals.add(&Deduction { flags: vec![Flag::InDoubt], ..deduction(3) });
        totals.add(&Deduction { model: model("other"), ..deduction(4) });
        let found = totals.list();
        let sums = found.iter().find(|(kind, _)| kind.model == Some(model("m"))).unwrap().1;
        assert_eq!((found.len(), sums.calls, sums.in_doubt), (2, 3, 1));
        assert_eq!((sums.input_tokens, sums.amount_nanos), (1 + 2 + 3, 1 + 2 + 3));
    }

    #[test]
    fn more_models_than_anyone_watches_are_counted_together() {
        let mut totals = Totals::default();
        for number in 0..MODELS_MAX + 20 {
            totals.add(&Deduction { model: model(&format!("model-{number}")), ..deduction(1) });
        }
        let mut merged = totals.clone();
        merged.merge(totals);
        let found = merged.list();
        let rest = found.iter().find(|(kind, _)| kind.model.is_none()).unwrap().1;
        assert_eq!((found.len(), rest.calls), (MODELS_MAX + 1, 40));
    }
}
