//! The ledger's moves: granting, ingest, reclaim.

use super::state::{
    Call, ESTIMATE, EXTENSION, JournalId, LEASE, Lease, LeaseId, LeaseState, Ledger, Mutant, Record, Scope,
};

impl Ledger {
    /// Grants on every account, or on none.
    pub(crate) fn grant(&mut self, scope: &Scope, id: LeaseId, journal: JournalId) -> Option<u8> {
        let room = u8::try_from(self.available(&scope.credit)).ok()?;
        let amount = LEASE.min(room);
        if amount == 0 {
            return None;
        }
        self.leases.push(Lease { id, journal, amount, settled: 0, state: LeaseState::Open });
        self.leases.sort_unstable();
        for pending in &mut self.pending {
            *pending += amount;
        }
        Some(amount)
    }

    /// Takes records `from..=to` in; `false` when records before them are missing.
    pub(crate) fn ingest(
        &mut self,
        scope: &Scope,
        journal: JournalId,
        records: &[Record],
        from: u8,
        to: u8,
    ) -> bool {
        let known = self.cursor(journal);
        if from > known + 1 {
            return false;
        }
        for seq in from..=to {
            if seq <= known && !scope.is(Mutant::NoCursor) {
                continue;
            }
            match records[usize::from(seq) - 1] {
                Record::Settle(call, lease, amount, extended) => {
                    self.settle(scope, call, (lease, extended), amount);
                }
                Record::Close(lease) => self.end(lease, LeaseState::Closed),
                Record::Reserve(..) | Record::Sent(_) | Record::Extend(..) | Record::Void(_) => {}
            }
        }
        self.cursors.retain(|(of, _)| *of != journal);
        self.cursors.push((journal, known.max(to)));
        self.cursors.sort_unstable();
        true
    }

    fn settle(&mut self, scope: &Scope, call: Call, leases: (LeaseId, Option<LeaseId>), amount: u8) {
        self.events.push((call, amount));
        self.events.sort_unstable();
        let accounts = if scope.is(Mutant::FirstAccountOnly) { 1 } else { self.posted.len() };
        for posted in self.posted.iter_mut().take(accounts) {
            *posted += amount;
        }
        let (lease, extended) = leases;
        let extension = if extended.is_some() { EXTENSION } else { 0 };
        let overshot = amount.saturating_sub(ESTIMATE + extension);
        self.overshot += overshot;
        // What is beyond all that was set aside goes to the first.
        let later = amount.saturating_sub(ESTIMATE).min(extension);
        let first_only = scope.is(Mutant::FirstLeaseOnly);
        let (first, later) = if first_only { (amount, 0) } else { (amount - later, later) };
        let freed = self.free(lease, first) + extended.map_or(0, |lease| self.free(lease, later));
        if !scope.is(Mutant::NeverFrees) {
            for pending in &mut self.pending {
                *pending -= freed;
            }
        }
        self.late += (amount - freed).min((ESTIMATE + extension).min(amount));
    }

    /// What a lease that is open has left of `amount`: that is pending no longer.
    fn free(&mut self, lease: LeaseId, amount: u8) -> u8 {
        let open = self.leases.iter_mut().find(|l| l.id == lease && l.state == LeaseState::Open);
        let Some(lease) = open else { return 0 };
        let freed = amount.min(lease.amount - lease.settled);
        lease.settled += freed;
        freed
    }

    pub(crate) fn end(&mut self, id: LeaseId, how: LeaseState) {
        let Some(lease) = self.leases.iter_mut().find(|l| l.id == id && l.state == LeaseState::Open) else {
            return;
        };
        lease.state = how;
        for pending in &mut self.pending {
            *pending -= lease.amount - lease.settled;
        }
    }
}
