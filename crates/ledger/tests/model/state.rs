//! What there is: nodes with their journals, the ledger, the provider.

use std::fmt;

/// What a call is estimated to cost.
pub(crate) const ESTIMATE: u8 = 2;
/// What is set aside for a call that outgrows its estimate.
pub(crate) const EXTENSION: u8 = 1;
/// The most that one lease holds.
pub(crate) const LEASE: u8 = 2;

/// When the journal is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Some time after: survives the process.
    Os,
    /// Before dispatch, `Reserve` and `Sent` alike: survives a power loss.
    Group,
    /// Only `Reserve` before dispatch: what makes `Sent` untrustworthy after a power loss.
    ReserveOnly,
}

/// Whether calls cost more than their estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgrowth {
    Never,
    /// They may, and nothing is done about it.
    Unseen,
    /// Only once they were extended, on whichever lease has room.
    Extended,
    /// They may be extended, and outgrow their estimate whether they were or not.
    Either,
}

impl Outgrowth {
    pub(crate) fn extends(self) -> bool {
        matches!(self, Self::Extended | Self::Either)
    }

    pub(crate) fn needs_no_extension(self) -> bool {
        matches!(self, Self::Unseen | Self::Either)
    }
}

/// A broken variant of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    NoCursor,
    VolatileReserve,
    VoidInDoubt,
    CloseInUse,
    VoidAfterPowerLoss,
    FirstAccountOnly,
    IngestUnsynced,
    NeverFrees,
    CloseExtension,
    FirstLeaseOnly,
}

/// What is explored: sizes, and what may go wrong how often.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// How many calls each node gets.
    pub(crate) requests: Vec<u8>,
    /// What each account begins with; every call is charged to all of them.
    pub(crate) credit: Vec<u8>,
    /// How many leases a node may hold at once.
    pub(crate) leases_max: usize,
    pub(crate) kills: u8,
    pub(crate) power_losses: u8,
    pub(crate) disk_losses: u8,
    pub(crate) restores: u8,
    pub(crate) partition: bool,
    pub(crate) skew: bool,
    pub(crate) outgrowth: Outgrowth,
    pub(crate) sync: Sync,
    pub(crate) mutant: Option<Mutant>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            requests: vec![1],
            credit: vec![4],
            leases_max: 1,
            kills: 0,
            power_losses: 0,
            disk_losses: 0,
            restores: 0,
            partition: false,
            skew: false,
            outgrowth: Outgrowth::Never,
            sync: Sync::Os,
            mutant: None,
        }
    }
}

/// What is not as usual.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        write!(f, "calls {:?}, credit {:?}, {} leases", self.requests, self.credit, self.leases_max)?;
        for (count, what) in [
            (self.kills, "kills"),
            (self.power_losses, "power losses"),
            (self.disk_losses, "disks lost"),
            (self.restores, "restores"),
            (self.partition.into(), "partition"),
            (self.skew.into(), "clock skew"),
        ] {
            if count > 0 {
                write!(f, ", {what} {count}")?;
            }
        }
        if self.outgrowth != usual.outgrowth {
            write!(f, ", outgrowth {:?}", self.outgrowth)?;
        }
        if self.sync != usual.sync {
            write!(f, ", sync {:?}", self.sync)?;
        }
        Ok(())
    }
}

impl Scope {
    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Every call as (node, its number there).
    pub(crate) fn calls(&self) -> impl Iterator<Item = Call> + '_ {
        let nodes = self.requests.iter().enumerate();
        nodes.flat_map(|(node, count)| (0..*count).map(move |number| (node as u8, number)))
    }
}

pub(crate) type Call = (u8, u8);
/// Node and a number there: chosen by the node, never used twice.
pub(crate) type LeaseId = (u8, u8);
/// Node and how many disks it lost.
pub(crate) type JournalId = (u8, u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Record {
    Reserve(Call, LeaseId),
    Sent(Call),
    Extend(Call, LeaseId),
    /// What it cost, on which lease, and on which it was extended.
    Settle(Call, LeaseId, u8, Option<LeaseId>),
    Void(Call),
    Close(LeaseId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HeldLease {
    pub(crate) id: LeaseId,
    pub(crate) room: u8,
    pub(crate) usable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flight {
    pub(crate) call: Call,
    pub(crate) lease: LeaseId,
    /// The lease that it was extended on.
    pub(crate) extended: Option<LeaseId>,
    /// `Sent` is in the journal.
    pub(crate) sent: bool,
    /// Its first byte has left.
    pub(crate) dispatched: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) disk: u8,
    pub(crate) journal: Vec<Record>,
    /// How many records survive a power loss.
    pub(crate) durable: u8,
    pub(crate) alive: bool,
    /// Whether the machine lost power since the process last ran.
    pub(crate) rebooted: bool,
    pub(crate) leases: Vec<HeldLease>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) leases_asked: u8,
    /// The mutant's reservations that are only in memory.
    pub(crate) unwritten: Vec<Record>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LeaseState {
    Open,
    Closed,
    Reclaimed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) journal: JournalId,
    pub(crate) amount: u8,
    pub(crate) settled: u8,
    pub(crate) state: LeaseState,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// Per account.
    pub(crate) posted: Vec<u8>,
    pub(crate) pending: Vec<u8>,
    /// Every lease holds its amount on every account.
    pub(crate) leases: Vec<Lease>,
    pub(crate) cursors: Vec<(JournalId, u8)>,
    /// Terminal events, with what each charges every account.
    pub(crate) events: Vec<(Call, u8)>,
    /// What was charged beyond open leases.
    pub(crate) late: u8,
    /// What was charged beyond its estimate.
    pub(crate) overshot: u8,
}

/// What the provider made of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Upstream {
    Untouched,
    Called,
    Failed,
    Billed(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) nodes: Vec<Node>,
    pub(crate) ledger: Ledger,
    pub(crate) backup: Option<Ledger>,
    pub(crate) upstream: Vec<(Call, Upstream)>,
    /// Calls whose record was on a disk that was lost.
    pub(crate) lost: Vec<Call>,
    /// What leases held that a restored ledger does not know.
    pub(crate) forgotten: u8,
    pub(crate) kills: u8,
    pub(crate) power_losses: u8,
    pub(crate) disk_losses: u8,
    pub(crate) restores: u8,
}

impl State {
    pub(crate) fn first(scope: &Scope) -> Self {
        let node = Node {
            disk: 0,
            journal: Vec::new(),
            durable: 0,
            alive: true,
            rebooted: false,
            leases: Vec::new(),
            flights: Vec::new(),
            leases_asked: 0,
            unwritten: Vec::new(),
        };
        let accounts = scope.credit.len();
        Self {
            nodes: vec![node; scope.requests.len()],
            ledger: Ledger { posted: vec![0; accounts], pending: vec![0; accounts], ..Ledger::default() },
            backup: None,
            upstream: scope.calls().map(|call| (call, Upstream::Untouched)).collect(),
            lost: Vec::new(),
            forgotten: 0,
            kills: 0,
            power_losses: 0,
            disk_losses: 0,
            restores: 0,
        }
    }

    pub(crate) fn upstream(&self, call: Call) -> Upstream {
        self.upstream.iter().find(|(of, _)| *of == call).map_or(Upstream::Untouched, |(_, what)| *what)
    }

    pub(crate) fn set_upstream(&mut self, call: Call, what: Upstream) {
        for (_, stored) in self.upstream.iter_mut().filter(|(of, _)| *of == call) {
            *stored = what;
        }
    }
}

impl Ledger {
    pub(crate) fn cursor(&self, journal: JournalId) -> u8 {
        self.cursors.iter().find(|(of, _)| *of == journal).map_or(0, |(_, seq)| *seq)
    }

    /// What every account has room for; may be negative.
    pub(crate) fn available(&self, credit: &[u8]) -> i16 {
        let rooms = credit.iter().zip(self.posted.iter().zip(&self.pending));
        rooms
            .map(|(credit, (posted, pending))| i16::from(*credit) - i16::from(*posted) - i16::from(*pending))
            .min()
            .unwrap_or(0)
    }
}
