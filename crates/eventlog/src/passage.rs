//! What becomes of events that belong to traces which are recorded, after they were appended.

use std::time::Duration;

use domain::{Log, trace::TraceContext};

use crate::Recorded;

/// The most events of one passage that are named.
pub const TRACED_MAX: usize = 64;

/// Some events of a log, taken one step further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What was done with them.
    pub step: Step,
    /// Which log.
    pub log: Log,
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// Where those of them stand that belong to traces which are recorded, and their spans; the first
    /// [`TRACED_MAX`] of them.
    pub traced: Vec<(u64, TraceContext)>,
    /// How long it took.
    pub took: Duration,
}

/// What is done with events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// They were published on the bus, which has confirmed it.
    Published,
    /// The read model of this name has taken them in.
    Applied(&'static str),
}

/// Is told of passages in which there is a traced event. It never waits.
pub trait PassageObserver: Send + Sync + 'static {
    /// This was done.
    fn passed(&self, passage: Passage);
}

impl Passage {
    /// Of these events, which follow one another; nothing where none of them belongs to a recorded trace.
    pub fn of(step: Step, events: &[Recorded], took: Duration) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let spans = events.iter().filter_map(|event| Some((event.position, event.trace()?)));
        let traced: Vec<_> = spans.take(TRACED_MAX).collect();
        let (log, first, last) = (first.log, first.position, last.position);
        (!traced.is_empty()).then_some(Self { step, log, first, last, traced, took })
    }
}
