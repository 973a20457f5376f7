//! Ways to misuse the real parts where the simulation joins them, as a node that is built from them could: each must be
//! noticed. Ways in which the parts themselves could be wrong are in `ledger::mutant`.

use super::rule::Rule;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    /// Records are uploaded that a power loss can still take.
    UploadUnsynced,
    /// A call is sent before its reservation is durable, where it must be.
    SendUnsynced,
    /// A process goes on spending what the one before it held.
    SpendDeadLeases,
    /// A lease that was granted without an answer is forgotten.
    ForgetLost,
    /// A call costs more than its provider billed.
    Overcharge,
}

impl Slip {
    pub(crate) const ALL: [Self; 5] =
        [Self::UploadUnsynced, Self::SendUnsynced, Self::SpendDeadLeases, Self::ForgetLost, Self::Overcharge];

    /// By what it is found out.
    pub(crate) const fn breaks(self) -> &'static [Rule] {
        match self {
            Self::SpendDeadLeases => &[Rule::Overspent],
            Self::UploadUnsynced => &[Rule::Cursors],
            Self::ForgetLost => &[Rule::Balances],
            // What is lost is the reservation, or only who was asked.
            Self::SendUnsynced => &[Rule::Charged, Rule::Attempts],
            Self::Overcharge => &[Rule::Charged],
        }
    }
}
