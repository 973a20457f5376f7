//! The right to one attempt, and the duty to say how it went.

use std::sync::Arc;

use domain::ModelName;

use super::{Fault, Health, Outcome, Pass, Passes};
use crate::Choice;

/// One attempt that was let through. Dropped without a word, it says nothing about the provider.
pub(crate) struct Permit {
    health: Arc<Health>,
    choice: Choice,
    model: ModelName,
    /// `None` once it was told how it went.
    passes: Option<Passes>,
}

impl Permit {
    pub(super) const fn new(health: Arc<Health>, choice: Choice, model: ModelName, passes: Passes) -> Self {
        Self { health, choice, model, passes: Some(passes) }
    }

    /// The answer has begun: a probe need not wait for its end to say that all is well again.
    pub(crate) fn begun(&mut self) {
        let is_probe = |passes: &Passes| [passes.key, passes.model].contains(&Pass::AsProbe);
        if self.passes.as_ref().is_some_and(is_probe) {
            self.tell(Outcome::Succeeded);
            self.passes = Some(Passes::default());
        }
    }

    /// The answer came to its end.
    pub(crate) fn succeeded(mut self) {
        self.tell(Outcome::Succeeded);
    }

    /// It came to nothing; `None` where that was not the provider's fault.
    pub(crate) fn failed(mut self, fault: Option<Fault>) {
        self.tell(fault.map_or(Outcome::Neutral, Outcome::Failed));
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(passes) = self.passes.take() {
            self.health.tell(&self.choice, &self.model, passes, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell(Outcome::Neutral);
    }
}
