//! What a node does when it is opened, after whatever became of the process before.

use domain::JournalId;
use ledger::{
    LedgerPort,
    record::{CallPart, Record},
    step::Replay,
};

use super::{
    anew::Departure,
    facts::told,
    node::Process,
    rule::{Checked, Rule, holds},
    story::{Doubt, Mark},
    world::World,
};

/// Whether a start may be cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
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
        let (boot_id, at) = (format!("boot {}", self.nodes[k].boots), self.books.wall.now());
        let leases_of = self.nodes[k].disk.journal_id;
        let departure = self.departs(k, start)?;
        for ending in replay.endings(&boot_id, at) {
            // Another journal is made whole before it takes the old one's place.
            if departure.is_none() && self.dies(start) {
                return Ok(None);
            }
            self.ends_after_all(k, &ending)?;
        }
        if departure.is_some() {
            self.node(k).disk.sync();
        }
        self.nothing_is_open(k)?;
        let boot = boot_id.clone();
        self.write(k, &Record::Started { boot_id, at })?;
        if self.dies(start) {
            return Ok(None);
        }
        self.node(k).disk.sync();
        if start == Start::Shaky && departure.is_none() && self.dice.once_in(3) {
            // The ledger does not answer: what was granted to the process before is spent by this one.
            let state = replay.left(&boot, self.nodes[k].boot_ms);
            self.saw(if state.open_leases() > 0 {
                "a start on old leases"
            } else {
                "a start without the ledger"
            });
            self.say(|| format!("node {k}: is up, without the ledger"));
            self.node(k).process = Some(Process { state, asked: Vec::new(), inherited: Some(leases_of) });
            return Ok(Some(()));
        }
        self.bring_home(k).await?;
        let holds_leases = departure != Some(Departure::Forked);
        if holds_leases && self.give_back_old(k, leases_of, start).await?.is_none() {
            return Ok(None);
        }
        self.say(|| format!("node {k}: is up"));
        let state = std::mem::take(&mut self.node(k).ghost);
        self.node(k).process = Some(Process { state, ..Process::default() });
        Ok(Some(()))
    }

    /// The leases of the process before, as the ledger knows them, go home behind its charges.
    async fn give_back_old(&mut self, k: usize, journal_id: JournalId, start: Start) -> Checked<Option<()>> {
        let leases = self.books.hears(journal_id).open_leases(journal_id).await?;
        let expected = self.shadow.open_leases(journal_id);
        holds(Rule::Balances, leases == expected, || format!("node {k} has {leases:?}, not {expected:?}"))?;
        for (account_id, lease_id) in leases {
            if self.dies(start) {
                return Ok(None);
            }
            self.write(k, &Record::Close { account_id, lease_id })?;
            self.saw("a dead process's lease");
        }
        if self.dies(start) {
            return Ok(None);
        }
        self.node(k).disk.sync();
        self.bring_home(k).await.map(Some)
    }

    /// The same for a process that began without the ledger, once that answers, and before it asks for more: it keeps what
    /// it goes on with.
    pub(crate) async fn give_back_inherited(&mut self, k: usize) -> Checked {
        let Some(process) = &mut self.nodes[k].process else { return Ok(()) };
        let Some(journal_id) = process.inherited.take() else { return Ok(()) };
        self.node(k).disk.sync();
        self.bring_home(k).await?;
        if self.nodes[k].disk.journal_id == journal_id {
            for (account_id, lease_id) in self.books.hears(journal_id).open_leases(journal_id).await? {
                let process = self.nodes[k].process.as_ref();
                if process.is_none_or(|process| !process.state.holds(account_id, lease_id)) {
                    self.write(k, &Record::Close { account_id, lease_id })?;
                }
            }
        }
        self.node(k).disk.sync();
        self.bring_home(k).await
    }

    fn dies(&mut self, start: Start) -> bool {
        start == Start::Shaky && self.dice.once_in(12)
    }

    /// Every call that a process left open has its end now.
    fn nothing_is_open(&self, k: usize) -> Checked {
        let mut open = self.stories.iter().filter(|(_, story)| story.node == k && story.is_open());
        let found = open.next();
        holds(Rule::Charged, found.is_none(), || format!("node {k} has forgotten {found:?}"))
    }

    fn ends_after_all(&mut self, k: usize, ending: &Record) -> Checked {
        let (call, mark) = match ending {
            Record::Settle(settlement) => {
                let (amount, doubt) = (settlement.amount.get(), Doubt::Died);
                (CallPart::of(&settlement.facts), Mark::Settled { amount, doubt })
            }
            Record::Void { call } => (*call, Mark::Voided),
            _ => return Ok(()),
        };
        self.say(|| format!("node {k}: {} was open, {mark:?}", told(call)));
        let boots = self.nodes[k].boots;
        let story = self.stories.get(&call);
        let unbilled = story.is_some_and(|story| story.boot == boots && !story.may_be_billed());
        holds(Rule::Charged, !unbilled || mark == Mark::Voided, || {
            format!("{} was surely not billed, and is not voided", told(call))
        })?;
        self.saw(if mark == Mark::Voided { "void after a crash" } else { "in doubt" });
        self.write(k, ending)?;
        self.mark(call, mark);
        Ok(())
    }
}
