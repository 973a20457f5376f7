//! Processes that are bound to one core, so that what is measured and what measures it do not take each other's.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use, shared out.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// For what is measured.
    pub measured: usize,
    /// For everything else.
    pub rest: usize,
}

impl Cores {
    /// The first and the last; `None` where there is only one.
    pub fn shared_out() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        Some(Self { measured: cores.next()?, rest: cores.next_back()? })
    }
}

/// While this is held, this thread is on one core, and so is every process that it starts, for good.
#[must_use = "it ends when this is dropped"]
#[derive(Debug)]
pub struct OnCore(CpuSet);

impl OnCore {
    /// Moves this thread to `core`.
    pub fn move_to(core: usize) -> Self {
        let before = sched_getaffinity(None).expect("this thread's cores");
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).expect("the core is there");
        Self(before)
    }
}

impl Drop for OnCore {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.0);
    }
}
