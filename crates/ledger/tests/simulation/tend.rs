//! The ledger takes back what nobody was heard of again for.

use std::{collections::BTreeSet, sync::Arc};

use domain::{AccountId, JournalId, LeaseId};

use super::{
    rule::{Checked, Rule, holds},
    world::World,
};

/// For so long nothing is heard of a node before its leases are taken back, in milliseconds: a lease's time, and the
/// longest call's.
const SILENT_MS: u64 = 60_000 + 960_000;

impl World<'_> {
    /// Time passes for the ledger, by either of its clocks or both, and it looks for leases that are overdue.
    pub(crate) async fn tend(&mut self) -> Checked {
        self.books.live_ms(self.dice.below(2 * SILENT_MS));
        if !self.dice.once_in(4) {
            self.set_wall();
        }
        let tended = self.books.bank().tend_once(Arc::new(|_| false)).await?;
        let gone = self.gone().await?;
        self.say(|| format!("the ledger takes back {gone:?}"));
        let same = gone.len() == tended.reclaimed;
        holds(Rule::Balances, same, || format!("{tended:?}, and what is missing is {gone:?}"))?;
        for (id, lease_id, journal_id) in gone {
            let silent_ms = self.books.silent_ms(journal_id);
            let may = journal_id != JournalId::HOLDS && silent_ms > SILENT_MS;
            holds(Rule::Overspent, may, || {
                format!("{lease_id} of {journal_id} is taken back, which was heard of {silent_ms} ms before")
            })?;
            self.shadow.book(id)?.reclaim(lease_id);
            self.saw("an overdue lease");
        }
        self.touched = true;
        Ok(())
    }

    /// The leases that there should be and are not, and whose they were.
    async fn gone(&self) -> Checked<Vec<(AccountId, LeaseId, JournalId)>> {
        let ids: BTreeSet<_> = self.shadow.books.keys().copied().collect();
        let stored = self.books.accounts(&ids).await?;
        let is_there =
            |id, lease_id| stored.get(id).is_some_and(|account| account.leases.contains_key(lease_id));
        let mut gone = Vec::new();
        for (id, book) in &self.shadow.books {
            for (lease_id, held) in book.leases.iter().filter(|(lease_id, _)| !is_there(id, lease_id)) {
                gone.push((*id, *lease_id, held.journal_id));
            }
        }
        Ok(gone)
    }
}
