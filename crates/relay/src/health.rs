//! Which keys of which channels rest, and for how long: circuits in memory, told by every attempt.
//!
//! There is one circuit for each key, which its provider may refuse, and one for each model that is asked through it,
//! which may fail or be limited. Only what has failed is remembered: while nothing has, an attempt costs the reading
//! of one number.

mod circuit;
mod memory;
mod open;
mod permit;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::ModelName;
use parking_lot::Mutex;

pub use self::open::{OpenCircuit, Why};
pub(crate) use self::{circuit::Fault, permit::Permit};
use self::{
    circuit::Pass,
    memory::{Memory, News, Passes, Target},
};
use crate::{ChannelKeeper, Choice, Clock};

/// Not admitted: everything in the way rests for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    pub(crate) pause: Duration,
    pub(crate) why: Why,
}

/// How one attempt went, as far as health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed(Fault),
    /// It says nothing about the provider.
    Neutral,
}

/// The health of every channel, key and model.
pub(crate) struct Health {
    memory: Mutex<Memory>,
    /// How many channels are remembered; with none there is nothing to look up.
    remembered: AtomicUsize,
    clock: Arc<dyn Clock>,
    keeper: Arc<dyn ChannelKeeper>,
}

impl Health {
    pub(crate) fn new(clock: Arc<dyn Clock>, keeper: Arc<dyn ChannelKeeper>) -> Arc<Self> {
        let (memory, remembered) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { memory, remembered, clock, keeper })
    }

    /// Whether an attempt may be made. Whoever holds the permit says in the end how it went.
    pub(crate) fn admit(self: &Arc<Self>, choice: &Choice, model: &ModelName) -> Result<Permit, Resting> {
        let passes = if self.is_all_well() && !choice.route.is_disabled() {
            Passes::default()
        } else {
            let now_ms = self.clock.boot_ms();
            let admitted = self.with_memory(|memory| memory.admit(&Target::of(choice, model), now_ms));
            admitted.map_err(|rest| Resting {
                pause: Duration::from_millis(rest.until_ms.saturating_sub(now_ms)),
                why: rest.why,
            })?
        };
        Ok(Permit::new(Arc::clone(self), choice.clone(), model.clone(), passes))
    }

    fn tell(&self, choice: &Choice, model: &ModelName, passes: Passes, outcome: Outcome) {
        let says_nothing = !matches!(outcome, Outcome::Failed(_)) && !choice.route.is_disabled();
        if says_nothing && self.is_all_well() {
            return;
        }
        let (target, now_ms) = (Target::of(choice, model), self.clock.boot_ms());
        let channel_id = target.channel_id;
        match self.with_memory(|memory| memory.learn(&target, passes, outcome, now_ms)) {
            Some(News::AllRefused) => self.keeper.disable(channel_id),
            Some(News::Taken) => self.keeper.enable(channel_id),
            None => {}
        }
    }

    fn is_all_well(&self) -> bool {
        self.remembered.load(Ordering::Relaxed) == 0
    }

    fn with_memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.memory.lock();
        let done = work(&mut memory);
        self.remembered.store(memory.channels(), Ordering::Relaxed);
        done
    }
}
