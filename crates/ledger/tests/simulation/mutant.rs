//! Ways to break the protocol where the simulation joins the real parts: each must be noticed.

use super::rule::Rule;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// What a call cost is not written down.
    DropSettle,
    /// The other node writes down the same end of a call.
    DoubleSettle,
    /// After a crash, what may have been billed is given back.
    VoidInDoubt,
    /// A lease is given back while a call is open on it.
    CloseInUse,
    /// Records are uploaded that a power loss can still take.
    UploadUnsynced,
    /// A call is sent before its reservation is durable, where it must be.
    SendUnsynced,
    /// After a power loss a missing `Sent` is believed.
    TrustAfterPowerLoss,
    /// A call on two accounts is charged to one.
    FirstAccountOnly,
    /// A process goes on spending what the one before it held.
    SpendDeadLeases,
    /// A lease that was granted without an answer is forgotten.
    ForgetLost,
    /// A call costs more than its provider billed.
    Overcharge,
    /// That more was set aside for a call is not written down.
    ExtendUnwritten,
    /// What was set aside later is charged to the lease that was drawn on first.
    FirstLeaseOnly,
}

impl Mutant {
    pub(crate) const ALL: [Self; 13] = [
        Self::DropSettle,
        Self::DoubleSettle,
        Self::VoidInDoubt,
        Self::CloseInUse,
        Self::UploadUnsynced,
        Self::SendUnsynced,
        Self::TrustAfterPowerLoss,
        Self::FirstAccountOnly,
        Self::SpendDeadLeases,
        Self::ForgetLost,
        Self::Overcharge,
        Self::ExtendUnwritten,
        Self::FirstLeaseOnly,
    ];

    /// By what it is found out.
    pub(crate) const fn breaks(self) -> &'static [Rule] {
        match self {
            Self::DoubleSettle => &[Rule::EndsOnce],
            Self::CloseInUse | Self::SpendDeadLeases | Self::FirstLeaseOnly => &[Rule::Overspent],
            Self::UploadUnsynced => &[Rule::Cursors],
            Self::ForgetLost => &[Rule::Balances],
            // What is lost is the reservation, or only who was asked.
            Self::SendUnsynced => &[Rule::Charged, Rule::Attempts],
            Self::DropSettle
            | Self::VoidInDoubt
            | Self::TrustAfterPowerLoss
            | Self::FirstAccountOnly
            | Self::ExtendUnwritten
            | Self::Overcharge => &[Rule::Charged],
        }
    }
}
