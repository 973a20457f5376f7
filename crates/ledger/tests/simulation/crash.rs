//! Processes die, and machines lose power.

use ledger::{record::Record, step::Input};

use super::{
    rule::{Checked, Rule, holds},
    slip::Slip,
    story::Story,
    world::World,
};

impl World<'_> {
    pub(crate) fn kill(&mut self, k: usize) {
        self.say(|| format!("node {k}: the process dies"));
        self.saw("a process killed");
        if let Some(dead) = self.node(k).process.take()
            && self.slip == Some(Slip::SpendDeadLeases)
        {
            self.node(k).ghost = dead.state;
        }
        self.late.retain(|late| late.node != k);
        self.stories.values_mut().filter(|story| story.node == k).for_each(Story::left_alone);
    }

    pub(crate) fn lose_power(&mut self, k: usize) -> Checked {
        let node = &mut self.nodes[k];
        let written = node.disk.seq();
        let left = node.disk.lose_power(&mut self.dice);
        (node.process, node.boot_ms) = (None, 0);
        node.boots += 1;
        let (journal_id, kept) = (node.disk.journal_id, node.disk.seq());
        self.late.retain(|late| late.node != k);
        self.say(|| format!("node {k}: loses power; {kept} of {written} records are left"));
        self.saw(if kept < written { "a tail lost" } else { "a power loss without loss" });
        if left.torn {
            self.saw("a torn record");
        }
        self.stories
            .values_mut()
            .filter(|story| story.node == k)
            .for_each(|story| story.cut(journal_id, kept));
        holds(Rule::Cursors, kept == left.whole, || {
            format!("node {k} reads {kept} records, and {} are whole", left.whole)
        })
    }

    /// The process dies between two records of what it gives back.
    pub(crate) fn die_giving_back(&mut self, k: usize) -> Checked {
        let (before, lent) = (self.nodes[k].disk.seq(), self.lent.clone());
        self.take(k, Input::Recall { accounts: Vec::new() })?;
        let written = self.nodes[k].disk.seq() - before;
        let kept = before + self.dice.below(written + 1);
        self.node(k).disk.unwrite(kept);
        self.lent = lent;
        for framed in self.nodes[k].disk.framed(before + 1, kept) {
            self.lent.written(&Record::decode(&framed.payload)?);
        }
        self.kill(k);
        Ok(())
    }
}
