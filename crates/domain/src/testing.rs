//! Given, when, then: how a decision is tested.

use crate::Aggregate;

/// What has happened before.
#[derive(Debug)]
pub struct Given<A>(A);

/// What came of the command.
#[derive(Debug)]
pub struct Outcome<A: Aggregate>(Result<Vec<A::Event>, A::Refusal>);

/// An aggregate to which `events` have happened.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut state = A::default();
    for event in events {
        state.evolve(&event);
    }
    Given(state)
}

impl<A: Aggregate> Given<A> {
    /// Asks it.
    #[must_use]
    pub fn when(self, command: A::Command) -> Outcome<A> {
        Outcome(self.0.decide(command))
    }

    /// The state itself.
    pub fn state(self) -> A {
        self.0
    }
}

impl<A: Aggregate> Outcome<A> {
    /// Exactly these events happened.
    ///
    /// # Panics
    /// When others did, or it was refused.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    /// It was refused, for this reason.
    ///
    /// # Panics
    /// When it was not, or for another reason.
    #[track_caller]
    pub fn then_refused(self, refusal: &A::Refusal) {
        assert_eq!(self.0.as_ref(), Err(refusal));
    }
}
