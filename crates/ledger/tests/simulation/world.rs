//! Everything there is in one seed, and what happens next.

use std::{collections::BTreeMap, fmt::Write as _};

use domain::{AccountId, CallId, LeaseId};
use ledger::{
    journal::Framed,
    record::Record,
    step::{Input, Reply},
};

use super::{
    books::Books,
    dice::Dice,
    facts::Ids,
    mutant::Mutant,
    node::Node,
    rule::{Checked, Rule, Violation},
    shadow::Shadow,
    story::{Mark, Provider, Story},
};

pub(crate) const NODES: usize = 2;

/// When a node makes its journal durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Some time after.
    Later,
    /// Before a call is sent.
    BeforeSending,
}

/// Records on their way to the ledger.
pub(crate) struct Parcel {
    pub(crate) node: usize,
    pub(crate) records: Vec<Framed>,
}

/// How often something happened: what never happens is not tested.
pub(crate) type Seen = BTreeMap<&'static str, u64>;

pub(crate) struct World<'a> {
    pub(crate) books: &'a Books,
    pub(crate) ids: Ids,
    pub(crate) dice: Dice,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) durable: Durable,
    /// Whether nothing crashes in this seed.
    pub(crate) calm: bool,
    pub(crate) shadow: Shadow,
    pub(crate) nodes: Vec<Node>,
    pub(crate) wire: Vec<Parcel>,
    pub(crate) stories: BTreeMap<CallId, Story>,
    pub(crate) provider: Provider,
    pub(crate) calls: u64,
    pub(crate) leases: u64,
    /// Until when, by its node's clock, each lease may be spent.
    pub(crate) usable: BTreeMap<LeaseId, u64>,
    pub(crate) accounts: Vec<AccountId>,
    /// Whether the ledger was spoken to since it was last checked.
    pub(crate) touched: bool,
    /// Where the log stood before this seed.
    pub(crate) began: u64,
    pub(crate) trace: Vec<String>,
    pub(crate) seen: Seen,
}

impl World<'_> {
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        self.trace.push(what());
    }

    pub(crate) fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn node(&mut self, k: usize) -> &mut Node {
        &mut self.nodes[k]
    }

    /// What happened, for people.
    pub(crate) fn told(&self) -> String {
        self.trace.iter().enumerate().fold(String::new(), |mut text, (number, line)| {
            let _ = writeln!(text, "  {number:3} {line}");
            text
        })
    }

    /// A step of a node's core, and its records on the disk.
    pub(crate) fn take(&mut self, k: usize, input: Input) -> Checked<Reply> {
        let dead = || Violation::new(Rule::Machinery, format!("node {k} is down"));
        let process = self.node(k).process.as_mut().ok_or_else(dead)?;
        let mut output = process.state.step(input)?;
        // Accounts come out in no order; a seed must mean the same each time.
        output.records.sort_by_key(|record| match record {
            Record::Close { account_id, .. } | Record::Release { account_id, .. } => Some(*account_id),
            _ => None,
        });
        for record in output.records {
            self.write(k, record)?;
        }
        Ok(output.reply)
    }

    /// Writes one record, and says the number of the last.
    pub(crate) fn write(&mut self, k: usize, mut record: Record) -> Checked<u64> {
        if let Record::Settle(settlement) = &mut record {
            match self.mutant {
                Some(Mutant::DropSettle) => return Ok(self.nodes[k].disk.seq()),
                Some(Mutant::DoubleSettle) => {
                    let other = (k + 1) % NODES;
                    self.nodes[other].disk.append(&Record::Settle(settlement.clone()))?;
                }
                Some(Mutant::FirstLeaseOnly) => settlement.facts.extensions.clear(),
                Some(Mutant::FirstAccountOnly) => settlement.facts.scopes.truncate(1),
                _ => {}
            }
        }
        if self.mutant == Some(Mutant::ExtendUnwritten) && matches!(record, Record::Extend { .. }) {
            return Ok(self.nodes[k].disk.seq());
        }
        Ok(self.nodes[k].disk.append(&record)?)
    }

    /// Takes down in a call's story what was just written.
    pub(crate) fn mark(&mut self, call_id: CallId, mark: Mark) {
        if let Some(story) = self.stories.get_mut(&call_id) {
            story.marks.push((self.nodes[story.node].disk.seq(), mark));
        }
    }
}
