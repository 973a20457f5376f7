//! Ways to break the protocol where the simulation joins the real parts: each must be noticed.

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
    /// A record is changed after it was chained.
    ForgeRecord,
    /// A call costs more than its provider billed.
    Overcharge,
}

impl Mutant {
    pub(crate) const ALL: [Self; 10] = [
        Self::DropSettle,
        Self::DoubleSettle,
        Self::VoidInDoubt,
        Self::CloseInUse,
        Self::UploadUnsynced,
        Self::SendUnsynced,
        Self::TrustAfterPowerLoss,
        Self::FirstAccountOnly,
        Self::ForgeRecord,
        Self::Overcharge,
    ];
}
