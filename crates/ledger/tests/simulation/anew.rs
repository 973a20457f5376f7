//! A journal that is not gone on with: another one begins, with everything that may not have come home.

use domain::{AccountId, LeaseId};
use ledger::record::{CallPart, Record};

use super::{
    disk::Disk,
    rule::Checked,
    start::Start,
    world::{NODES, World},
};

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Somebody may go on with a copy of it, and with its leases.
    Forked,
    /// The ledger lacks records of it that are not kept any more.
    Retired,
}

impl World<'_> {
    /// Now and then, when a node starts, the ledger and its journal do not agree.
    pub(crate) fn departs(&mut self, k: usize, start: Start) -> Checked<Option<Departure>> {
        if start == Start::Sure || !self.dice.once_in(4) {
            return Ok(None);
        }
        let departure = if self.dice.once_in(2) { Departure::Forked } else { Departure::Retired };
        let number = NODES as u64 + self.departed.len() as u64;
        let old = std::mem::replace(&mut self.nodes[k].disk, Disk::new(self.ids.journal(number)));
        self.departed.push(old.journal_id);
        // What is known to have come home may be less than what has.
        let known = self.shadow.cursor(old.journal_id).seq;
        let home = usize::try_from(self.dice.below(known + 1)).unwrap_or(0);
        for record in old.records()?.into_iter().skip(home) {
            self.carry(k, &record)?;
        }
        self.saw("a journal begun anew");
        self.say(|| format!("node {k}: {departure:?}, another journal begins with all after record {home}"));
        Ok(Some(departure))
    }

    /// Ends of calls and of leases are written down once more.
    fn carry(&mut self, k: usize, record: &Record) -> Checked {
        let ended = match record {
            Record::Settle(settlement) => Some(CallPart::of(&settlement.facts)),
            Record::Close { .. } => None,
            _ => return Ok(()),
        };
        let place = (self.nodes[k].disk.journal_id, self.write(k, record)?);
        if let Some(story) = ended.and_then(|call| self.stories.get_mut(&call)) {
            story.carried.push(place);
        }
        Ok(())
    }

    /// What journals held that nobody goes on with is taken back.
    pub(crate) async fn departed_come_home(&mut self) -> Checked {
        let leases = self.departed.iter().flat_map(|journal_id| self.shadow.open_leases(*journal_id));
        let leases: Vec<(AccountId, LeaseId)> = leases.collect();
        for (id, lease_id) in leases {
            self.take_back(id, lease_id).await?;
        }
        Ok(())
    }
}
