//! What a node does when it is opened, after whatever became of the process before.

use ledger::{
    LedgerPort,
    record::{CallPart, Record},
    step::Replay,
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

    /// In the order of the real node. `None` where it died on the way.
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
                Record::Void { call: CallPart::of(&settlement.facts) }
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
        let boots = self.nodes[k].boots;
        let story = self.stories.get(&call_id);
        let unbilled = story.is_some_and(|story| story.boot == boots && !story.may_be_billed());
        holds(Rule::Charged, !unbilled || mark == Mark::Voided, || {
            format!("{call_id} was surely not billed, and is not voided")
        })?;
        self.saw(if mark == Mark::Voided { "void after a crash" } else { "in doubt" });
        self.write(k, ending)?;
        self.mark(call_id, mark);
        Ok(())
    }
}
