//! What a connection wakes whoever drives it with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Wake},
};

use futures_util::task::AtomicWaker;

/// The driver is at work, and nothing has changed.
const AWAKE: u8 = 0;
/// The driver is at work, and something has changed that it may not have seen.
const RUNG: u8 = 1;
/// The driver waits.
const ASLEEP: u8 = 2;

/// Rings from outside wake the driver. What it rings itself, as each frame does that it takes, it looks after before it
/// sleeps: woken for it, its task would go through everything once more and find nothing.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    driver: AtomicWaker,
    state: AtomicU8,
}

impl Alarm {
    /// The driver begins.
    pub(super) fn begin(&self) {
        self.state.store(AWAKE, Ordering::Release);
    }

    /// The driver has nothing more to do and waits, unless it was rung since it began: then it is to look again.
    pub(super) fn may_sleep(&self, cx: &Context<'_>) -> bool {
        self.driver.register(cx.waker());
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            self.driver.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        task::{Context, Waker},
    };

    use super::Alarm;
    use crate::upstream::tests::Woken;

    #[test]
    fn only_a_driver_that_sleeps_is_woken_and_none_sleeps_over_a_change() {
        let (alarm, woken) = (Arc::new(Alarm::default()), Arc::new(Woken::default()));
        let (bell, driver) = (Waker::from(Arc::clone(&alarm)), Waker::from(Arc::clone(&woken)));
        let cx = Context::from_waker(&driver);
        alarm.begin();
        bell.wake_by_ref();
        assert!(!alarm.may_sleep(&cx), "it was rung while it was at work");
        alarm.begin();
        assert!(alarm.may_sleep(&cx));
        assert_eq!(woken.times(), 0);
        bell.wake_by_ref();
        bell.wake_by_ref();
        assert_eq!(woken.times(), 1, "what is awake is not woken");
        alarm.begin();
        assert!(alarm.may_sleep(&cx));
        alarm.begin();
        bell.wake_by_ref();
        assert_eq!(woken.times(), 1, "nor what has begun for another reason");
    }
}
