//! The ledger once more, kept by the simulation: small, in memory, and written from the protocol instead of from the
//! code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    AccountId, JournalId, LeaseId,
    account::{Account, Extension, Settlement},
};
use ledger::{
    Cursor,
    journal::Framed,
    record::{CallPart, Record},
};

use super::{
    book::Book,
    rule::{Checked, Rule, Violation, holds},
};

/// What the ledger must say.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) books: BTreeMap<AccountId, Book>,
    cursors: BTreeMap<JournalId, Cursor>,
    ended: BTreeSet<CallPart>,
    /// Leases that were given back, also such as were never granted.
    pub(crate) closed: BTreeSet<LeaseId>,
}

impl Shadow {
    pub(crate) fn book(&mut self, id: AccountId) -> Checked<&mut Book> {
        let unknown = || Violation::new(Rule::Machinery, format!("{id} is no account of this seed"));
        self.books.get_mut(&id).ok_or_else(unknown)
    }

    pub(crate) fn cursor(&self, journal_id: JournalId) -> Cursor {
        self.cursors.get(&journal_id).copied().unwrap_or_default()
    }

    /// The leases of a journal that are open.
    pub(crate) fn open_leases(&self, journal_id: JournalId) -> Vec<(AccountId, LeaseId)> {
        let of = |(id, book): (&AccountId, &Book)| {
            let id = *id;
            let own = book.leases.iter().filter(move |(_, lease)| lease.journal_id == journal_id);
            own.map(move |(lease_id, _)| (id, *lease_id)).collect::<Vec<_>>()
        };
        let mut leases: Vec<_> = self.books.iter().flat_map(of).collect();
        leases.sort_by_key(|(_, lease_id)| *lease_id);
        leases
    }

    /// Takes records in and says how far the journal is known then; `None` where records before them are missing.
    pub(crate) fn ingest(&mut self, journal_id: JournalId, records: &[Framed]) -> Checked<Option<Cursor>> {
        let mut cursor = self.cursor(journal_id);
        for framed in records {
            if framed.seq <= cursor.seq {
                continue;
            }
            if framed.seq != cursor.seq + 1 {
                return Ok(None);
            }
            self.take(Record::decode(&framed.payload)?);
            cursor = Cursor { seq: framed.seq, link: framed.link };
        }
        self.cursors.insert(journal_id, cursor);
        Ok(Some(cursor))
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Settle(settlement) => self.settle(&settlement),
            Record::Release { account_id, lease_id, amount } => {
                let book = self.books.get_mut(&account_id);
                if let Some(lease) = book.and_then(|book| book.leases.get_mut(&lease_id)) {
                    lease.amount -= amount.get().min(lease.amount - lease.settled);
                }
            }
            Record::Close { account_id, lease_id } => {
                self.closed.insert(lease_id);
                self.books.get_mut(&account_id).map(|book| book.leases.remove(&lease_id));
            }
            _ => {}
        }
    }

    pub(crate) fn has_ended(&self, call: CallPart) -> bool {
        self.ended.contains(&call)
    }

    pub(crate) fn settle(&mut self, settlement: &Settlement) {
        if !self.ended.insert(CallPart::of(&settlement.facts)) {
            return;
        }
        let amount = settlement.amount.get();
        for (index, scope) in settlement.facts.scopes.iter().enumerate() {
            match self.books.get_mut(&scope.account_id).filter(|book| book.open) {
                Some(book) => {
                    for (lease_id, amount, reserved) in spread(settlement, index) {
                        book.charge(lease_id, amount, reserved);
                    }
                }
                None => {
                    if let Some(suspense) = self.books.get_mut(&AccountId::SUSPENSE) {
                        suspense.posted += amount;
                    }
                }
            }
        }
    }

    /// I1 and I2, against the table.
    pub(crate) fn check(&self, stored: &HashMap<AccountId, Account>) -> Checked {
        for (id, book) in &self.books {
            let Some(account) = stored.get(id) else {
                return Err(Violation::new(Rule::Balances, format!("{id} is missing")));
            };
            book.check(*id, account)?;
        }
        holds(Rule::Balances, stored.len() == self.books.len(), || "too many accounts".into())
    }
}

/// What is charged to each lease of one account, and what was set aside there: first come, first charged, and what is
/// more than all of it to the first.
pub(crate) fn spread(settlement: &Settlement, scope: usize) -> Vec<(Option<LeaseId>, u64, u64)> {
    let facts = &settlement.facts;
    let extensions = &facts.extensions;
    let later = |extension: &Extension| (extension.scopes[scope].lease_id, extension.amount.get());
    let first = facts.reserved.get() - extensions.iter().map(|extension| extension.amount.get()).sum::<u64>();
    let mut left = settlement.amount.get();
    let mut spread = Vec::new();
    for (lease_id, reserved) in
        std::iter::once((facts.scopes[scope].lease_id, first)).chain(extensions.iter().map(later))
    {
        let charged = reserved.min(left);
        left -= charged;
        spread.push((lease_id, charged, reserved));
    }
    spread[0].1 += left;
    spread
}
