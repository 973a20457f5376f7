//! Everything there is in one seed, and what happens next.

use std::{collections::BTreeMap, fmt::Write as _};

use domain::{AccountId, HoldId, JournalId};
use ledger::{
    journal::Framed,
    record::{CallPart, Record},
    step::{Input, Reply},
};

use super::{
    books::Books,
    dice::Dice,
    facts::Ids,
    jobs::Job,
    leases::Leases,
    node::{Late, Node},
    reserve::Session,
    rule::{Checked, Rule, Violation},
    shadow::Shadow,
    slip::Slip,
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
    pub(crate) journal_id: JournalId,
    pub(crate) records: Vec<Framed>,
}

/// How often something happened: what never happens is not tested.
pub(crate) type Seen = BTreeMap<&'static str, u64>;

pub(crate) struct World<'a> {
    pub(crate) books: &'a Books,
    pub(crate) ids: Ids,
    pub(crate) dice: Dice,
    pub(crate) slip: Option<Slip>,
    /// Where the wall clock stood when this seed began.
    pub(crate) epoch: i64,
    pub(crate) durable: Durable,
    /// Whether nothing crashes in this seed.
    pub(crate) calm: bool,
    pub(crate) shadow: Shadow,
    pub(crate) nodes: Vec<Node>,
    pub(crate) wire: Vec<Parcel>,
    /// Questions that have not arrived yet.
    pub(crate) late: Vec<Late>,
    /// Journals that were not gone on with.
    pub(crate) departed: Vec<JournalId>,
    pub(crate) stories: BTreeMap<CallPart, Story>,
    pub(crate) provider: Provider,
    pub(crate) sessions: Vec<Session>,
    pub(crate) jobs: BTreeMap<HoldId, Job>,
    pub(crate) leases: u64,
    pub(crate) lent: Leases,
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
            self.write(k, &record)?;
        }
        Ok(output.reply)
    }

    /// Writes one record, and says the number of the last.
    pub(crate) fn write(&mut self, k: usize, record: &Record) -> Checked<u64> {
        self.lent.written(record);
        Ok(self.nodes[k].disk.append(record)?)
    }

    /// Takes down in a call's story what was just written.
    pub(crate) fn mark(&mut self, call: CallPart, mark: Mark) {
        if let Some(story) = self.stories.get_mut(&call) {
            let disk = &self.nodes[story.node].disk;
            story.marks.push(((disk.journal_id, disk.seq()), mark));
        }
    }
}
