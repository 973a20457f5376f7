//! Which moments of a call an input stands between, for tests that end the process there.

use eventlog::fault::{Point, hit};

use crate::step::{Input, Reply};

/// The moments around one input.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    before: Option<Point>,
    after: Option<Point>,
}

impl Moment {
    pub(super) const fn of(input: &Input) -> Self {
        let (before, after) = match input {
            Input::Reserve { .. } => (Some(Point::BeforeReserve), Some(Point::AfterReserve)),
            Input::Sent { .. } => (None, Some(Point::AfterSent)),
            Input::Progress { .. } => (None, Some(Point::MidStream)),
            Input::Settle { .. } => (Some(Point::AfterUsage), Some(Point::AfterSettle)),
            _ => (None, None),
        };
        Self { before, after }
    }

    /// Nothing of it is done.
    pub(super) fn before(self) {
        if let Some(point) = self.before {
            hit(point);
        }
    }

    /// What it says is in the journal, and nobody has heard of it.
    pub(super) fn after(self, reply: &Reply) {
        if let (Some(point), Reply::Done | Reply::Reserved(_)) = (self.after, reply) {
            hit(point);
        }
    }
}
