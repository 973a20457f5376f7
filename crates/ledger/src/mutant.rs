//! Ways to be wrong, each a switch where the code does right: a suite that does not fail with all of them proves little.
//!
//! Only in builds with the feature `mutants`, which are made for tests alone: elsewhere nothing is ever a mutant.

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The step: a reservation is not written before its call is sent.
    ReserveUnwritten,
    /// The step: what a call cost is not written.
    SettleUnwritten,
    /// The step: that more was set aside is not written.
    ExtendUnwritten,
    /// The step: what was set aside later is taken for a part of what was at first.
    ExtensionForgotten,
    /// The step: a call on several accounts is charged to the first.
    FirstAccountOnly,
    /// The purse: what a call held is room again twice.
    SettleFreesTwice,
    /// The purse: a lease is closed and still spent.
    ClosedStaysSpendable,
    /// The purse: a lease is closed while a call is open on it.
    CloseInUse,
    /// The purse: what calls hold is given back too.
    ReservedGivenBack,
    /// The purse: a lease whose time is over is still spent.
    ExpiryIgnored,
    /// The replay: what is in doubt is voided.
    DoubtVoided,
    /// The replay: a missing `Sent` is believed after a power loss.
    BootIgnored,
    /// The replay: what was streamed before the process died is not counted.
    ProgressForgotten,
    /// The replay: quota that the dead process has spent is spent once more.
    SpentForgotten,
    /// The codec: a record whose hash is wrong is read.
    HashUnchecked,
    /// Ingest: records are taken in whether or not they are next.
    CursorUnchecked,
    /// Ingest: records are taken in whether or not they continue the chain.
    ChainUnchecked,
    /// Ingest: nobody asks whether a call has ended before.
    EndsUnconsulted,
    /// Ingest: the parts of a call are taken for one.
    PartsConfused,
    /// Ingest: what is charged to a lease that has ended is left out.
    LateDropped,
    /// Ingest: a lease that was given back before it was granted is granted then.
    ReturnForgotten,
    /// Reclaiming: a lease is taken back from a node that is heard of.
    HeardIgnored,
    /// Reclaiming: a hold is taken back.
    HoldReclaimed,
    /// Holds: what was set aside does not come home when its job ends.
    HoldKept,
}

impl Mutant {
    /// Those of a node.
    pub const OF_NODES: [Self; 15] = [
        Self::ReserveUnwritten,
        Self::SettleUnwritten,
        Self::ExtendUnwritten,
        Self::ExtensionForgotten,
        Self::FirstAccountOnly,
        Self::SettleFreesTwice,
        Self::ClosedStaysSpendable,
        Self::CloseInUse,
        Self::ReservedGivenBack,
        Self::ExpiryIgnored,
        Self::DoubtVoided,
        Self::BootIgnored,
        Self::ProgressForgotten,
        Self::SpentForgotten,
        Self::HashUnchecked,
    ];

    /// Those of the ledger that grants and takes in.
    pub const OF_LEDGERS: [Self; 9] = [
        Self::CursorUnchecked,
        Self::ChainUnchecked,
        Self::EndsUnconsulted,
        Self::PartsConfused,
        Self::LateDropped,
        Self::ReturnForgotten,
        Self::HeardIgnored,
        Self::HoldReclaimed,
        Self::HoldKept,
    ];
}

#[cfg(not(feature = "mutants"))]
#[inline]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::go_on_as;
#[cfg(feature = "mutants")]
pub(crate) use chosen::is;

#[cfg(feature = "mutants")]
mod chosen {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// On this thread the code is wrong in that way from now on, or right again.
    pub fn go_on_as(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }

    /// Whether this code is wrong in that way now.
    pub(crate) fn is(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }
}
