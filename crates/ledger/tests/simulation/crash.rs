//! Processes die, machines lose power, and both come back.

use ledger::{
    LedgerPort,
    record::Record,
    step::{Input, Replay},
};

use super::{
    mutant::Mutant,
    node::Process,
    rule::{Checked, Rule, holds},
    story::{Doubt, Mark},
    world::World,
};

/// Whether a start may be cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Sure,
    Shaky,
}

impl World<'_> {
    pub(crate) fn kill(&mut self, k: usize) {
        self.say(|| format!("node {k}: the process dies"));
        self.saw("a process killed");
        let dead = self.node(k).process.take();
        if self.mutant == Some(Mutant::SpendDeadLeases) {
            self.node(k).ghost = dead.map(|process| process.state).unwrap_or_default();
        }
        self.stories.values_mut().filter(|story| story.node == k).for_each(super::story::Story::left_alone);
    }

    pub(crate) fn lose_power(&mut self, k: usize) {
        let node = &mut self.nodes[k];
        let written = node.disk.seq();
        let torn = node.disk.lose_power(&mut self.dice);
        (node.process, node.boot_ms) = (None, 0);
        node.boots += 1;
        let kept = node.disk.seq();
        self.say(|| format!("node {k}: loses power; {kept} of {written} records are left"));
        self.saw(if kept < written { "a tail lost" } else { "a power loss without loss" });
        if torn {
            self.saw("a torn record");
        }
        self.stories.values_mut().filter(|story| story.node == k).for_each(|story| story.cut(kept));
    }

    /// The process dies between two records of what it gives back.
    pub(crate) fn die_giving_back(&mut self, k: usize) -> Checked {
        let before = self.nodes[k].disk.seq();
        self.take(k, Input::Recall { accounts: Vec::new() })?;
        let written = self.nodes[k].disk.seq() - before;
        let kept = before + self.dice.below(written + 1);
        self.node(k).disk.unwrite(kept);
        self.kill(k);
        Ok(())
    }

    pub(crate) async fn restart_surely(&mut self, k: usize) -> Checked {
        self.start(k, Start::Sure).await.map(drop)
    }

    pub(crate) async fn restart(&mut self, k: usize) -> Checked {
        if self.start(k, Start::Shaky).await?.is_none() {
            self.saw("a start cut short");
            self.say(|| format!("node {k}: dies while it starts"));
        }
        Ok(())
    }

    /// What the real node does when it is opened, in its order. `None` where it died on the way.
    async fn start(&mut self, k: usize, start: Start) -> Checked<Option<()>> {
        self.saw("a start");
        let mut replay = Replay::default();
        self.node(k).disk.open()?.into_iter().for_each(|record| replay.take(record));
        // It was booted once, as far as this mutant knows.
        let boots = if self.mutant == Some(Mutant::TrustAfterPowerLoss) { 1 } else { self.nodes[k].boots };
        let (boot_id, at) = (format!("boot {boots}"), self.books.wall.now());
        for ending in replay.endings(&boot_id, at) {
            if self.dies(start) {
                return Ok(None);
            }
            self.end_anew(k, ending)?;
        }
        self.write(k, Record::Started { boot_id, at })?;
        if self.dies(start) {
            return Ok(None);
        }
        self.node(k).disk.sync();
        self.bring_home(k).await?;
        if self.give_back_old(k, start).await?.is_none() {
            return Ok(None);
        }
        self.say(|| format!("node {k}: is up"));
        self.node(k).process =
            Some(Process { state: std::mem::take(&mut self.node(k).ghost), asked: Vec::new() });
        Ok(Some(()))
    }

    /// The leases of the process before, as the ledger knows them, go home behind its charges.
    async fn give_back_old(&mut self, k: usize, start: Start) -> Checked<Option<()>> {
        let journal_id = self.nodes[k].disk.journal_id;
        let leases = self.books.bank.open_leases(journal_id).await?;
        let expected = self.shadow.open_leases(journal_id);
        holds(Rule::Balances, leases == expected, || format!("node {k} has {leases:?}, not {expected:?}"))?;
        for (account_id, lease_id) in leases {
            if self.dies(start) {
                return Ok(None);
            }
            self.write(k, Record::Close { account_id, lease_id })?;
            self.saw("a dead process's lease");
        }
        if self.dies(start) {
            return Ok(None);
        }
        self.node(k).disk.sync();
        self.bring_home(k).await.map(Some)
    }

    fn dies(&mut self, start: Start) -> bool {
        start == Start::Shaky && self.dice.once_in(12)
    }

    fn end_anew(&mut self, k: usize, ending: Record) -> Checked {
        let ending = match ending {
            Record::Settle(settlement) if self.mutant == Some(Mutant::VoidInDoubt) => {
                Record::Void { call: ledger::record::CallPart::of(&settlement.facts) }
            }
            other => other,
        };
        let (call_id, mark) = match &ending {
            Record::Settle(settlement) => {
                let (amount, doubt) = (settlement.amount.get(), Doubt::Died);
                (settlement.facts.call_id, Mark::Settled { amount, doubt })
            }
            Record::Void { call } => (call.call_id, Mark::Voided),
            _ => return Ok(()),
        };
        self.say(|| format!("node {k}: {call_id} was open, {mark:?}"));
        self.saw(if mark == Mark::Voided { "void after a crash" } else { "in doubt" });
        self.write(k, ending)?;
        self.mark(call_id, mark);
        Ok(())
    }
}
