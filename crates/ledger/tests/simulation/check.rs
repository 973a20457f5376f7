//! What is asserted after each step, and once everything has come to rest.

use std::collections::BTreeSet;

use ledger::{
    LedgerPort,
    record::{CallPart, Record},
    step::Input,
};

use super::{
    facts::told,
    rule::{Checked, Rule, holds},
    world::{NODES, World},
};

impl World<'_> {
    /// I1, I2 and I5.
    pub(crate) async fn check(&mut self) -> Checked {
        for k in 0..NODES {
            let journal_id = self.nodes[k].disk.journal_id;
            let known = self.shadow.cursor(journal_id);
            holds(Rule::Cursors, self.nodes[k].disk.at(known.seq) == Some(known), || {
                format!("node {k} does not have record {} that the ledger knows", known.seq)
            })?;
            if self.touched {
                let cursor = self.books.hears(journal_id).cursor(journal_id).await?.cursor;
                let what = || format!("node {k} is known up to {cursor:?}, and should be up to {known:?}");
                holds(Rule::Cursors, cursor == known, what)?;
            }
        }
        if self.touched {
            let ids = self.shadow.books.keys().copied().collect::<BTreeSet<_>>();
            self.shadow.check(&self.books.accounts(&ids).await?)?;
        }
        self.touched = false;
        Ok(())
    }

    /// Nodes come up, calls end, quota goes home; then nothing may be missing.
    pub(crate) async fn comes_to_rest(&mut self) -> Checked {
        self.say(|| "everything comes to rest".into());
        for k in 0..NODES {
            if self.nodes[k].process.is_none() {
                self.restart_surely(k).await?;
            }
            while self.nodes[k].process.as_ref().is_some_and(|process| !process.asked.is_empty()) {
                self.answer(k).await?;
            }
        }
        self.finish_calls()?;
        self.finish_jobs().await?;
        while !self.late.is_empty() && !self.dice.once_in(3) {
            self.late_question().await?;
        }
        for k in 0..NODES {
            self.give_back_inherited(k).await?;
            self.take(k, Input::Recall { accounts: Vec::new() })?;
            self.node(k).disk.sync();
            self.bring_home(k).await?;
        }
        while !self.wire.is_empty() {
            self.deliver().await?;
        }
        while !self.late.is_empty() {
            self.late_question().await?;
        }
        self.departed_come_home().await?;
        self.touched = true;
        self.check().await?;
        let out: u64 = self.shadow.books.values().map(super::book::Book::pending).sum();
        holds(Rule::Balances, out == 0, || format!("{out} did not come home"))?;
        self.ends_once()?;
        self.is_charged().await?;
        self.books.is_in_order(self.began).await?;
        self.books.is_sound().await
    }

    /// I3: no two records, in whatever journals, end the same call.
    fn ends_once(&self) -> Checked {
        let mut ended = BTreeSet::new();
        for node in &self.nodes {
            for record in node.disk.records()? {
                let call = match record {
                    Record::Settle(settlement) => CallPart::of(&settlement.facts),
                    Record::Void { call } => call,
                    _ => continue,
                };
                holds(Rule::EndsOnce, ended.insert(call), || format!("{} ends twice", told(call)))?;
            }
        }
        Ok(())
    }
}
