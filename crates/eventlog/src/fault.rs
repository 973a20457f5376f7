//! Points at which a process can be told to die, to see that nothing is lost there.
//!
//! Only in builds with the feature `faults`, which are made for tests alone: elsewhere a point is nothing at all.

/// A moment of a call's or a charge's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A call is about to be reserved for.
    BeforeReserve,
    /// `Reserve` is in the journal.
    AfterReserve,
    /// `Sent` is in the journal, the request is not on its way yet.
    AfterSent,
    /// `Progress` of a stream is in the journal.
    MidStream,
    /// A call's usage is known, and written nowhere.
    AfterUsage,
    /// `Settle` is in the journal, the client has not seen the end.
    AfterSettle,
    /// The charges are written, the journal's cursor is not, nothing is committed.
    DuringIngest,
    /// A new journal file is in use, the next one is not made.
    DuringRotation,
    /// Events are written, the heads are not, nothing is committed.
    DuringAppend,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::BeforeReserve,
        Self::AfterReserve,
        Self::AfterSent,
        Self::MidStream,
        Self::AfterUsage,
        Self::AfterSettle,
        Self::DuringIngest,
        Self::DuringRotation,
        Self::DuringAppend,
    ];

    /// The one that is named so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    /// As it is named from outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeReserve => "before_reserve",
            Self::AfterReserve => "after_reserve",
            Self::AfterSent => "after_sent",
            Self::MidStream => "mid_stream",
            Self::AfterUsage => "after_usage",
            Self::AfterSettle => "after_settle",
            Self::DuringIngest => "during_ingest",
            Self::DuringRotation => "during_rotation",
            Self::DuringAppend => "during_append",
        }
    }
}

/// The process is at this point; it may end here.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn hit(_point: Point) {}

#[cfg(feature = "faults")]
pub use armed::{arm, hit};

#[cfg(feature = "faults")]
mod armed {
    use std::{
        path::PathBuf,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    use super::Point;

    static ARMED: OnceLock<(Point, PathBuf)> = OnceLock::new();
    static LEFT: AtomicU64 = AtomicU64::new(0);

    /// From the `nth` time on that the process comes to `point` it is no more; `witness` is written before it goes.
    pub fn arm(point: Point, nth: u64, witness: PathBuf) {
        LEFT.store(nth, Ordering::SeqCst);
        let _ = ARMED.set((point, witness));
    }

    /// The process is at this point; it may end here.
    pub fn hit(point: Point) {
        let Some((armed, witness)) = ARMED.get() else { return };
        if *armed != point || LEFT.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        let _ = std::fs::write(witness, point.name());
        // As `kill -9` does: nothing is flushed, nothing is dropped.
        std::process::abort();
    }
}
