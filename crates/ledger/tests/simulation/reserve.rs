//! How a call gets quota: from the leases at hand, else from the ledger.

use domain::{LeaseId, Nanos};
use ledger::{
    Ask, GrantError, LedgerPort, ScopeAsk,
    record::Record,
    step::{Grant, Input, Reply, Shortage},
};

use super::{
    facts::{INPUT, facts},
    mutant::Mutant,
    node::{Asked, Wish},
    rule::{Checked, Rule, Violation, holds},
    story::{Mark, Story},
    world::World,
};

impl World<'_> {
    pub(crate) async fn reserve(&mut self, k: usize) -> Checked {
        self.calls += 1;
        let mut accounts = self.accounts.clone();
        while accounts.len() > 1 && !self.dice.once_in(3) {
            accounts.remove(self.dice.index(accounts.len()));
        }
        let amount = self.dice.between(15, 90);
        let floor = if self.dice.once_in(2) { amount } else { amount.div_ceil(3).max(INPUT + 2) };
        let (amount, floor) = (Nanos::new(amount)?, Nanos::new(floor)?);
        let wish = Wish { facts: facts(self.ids, self.calls, &accounts)?, amount, floor };
        match self.reserve_here(k, &wish, amount)? {
            None => Ok(()),
            Some(short) => self.ask(k, wish, &short, 1).await,
        }
    }

    /// Reserves from the leases at hand; says what is short.
    fn reserve_here(&mut self, k: usize, wish: &Wish, least: Nanos) -> Checked<Option<Vec<Shortage>>> {
        let (call_id, now_ms) = (wish.facts.call_id, self.nodes[k].boot_ms);
        let facts = Box::new(wish.facts.clone());
        let reply = self.take(k, Input::Reserve { facts, amount: wish.amount, floor: least, now_ms })?;
        let reserved = match reply {
            Reply::Short(short) => return Ok(Some(short)),
            Reply::Reserved(reserved) => reserved.get(),
            Reply::Done => return Err(Violation::new(Rule::Machinery, "nothing was reserved".into())),
        };
        self.say(|| format!("node {k}: {call_id} reserves {reserved}"));
        let within = (least..=wish.amount).contains(&Nanos::new(reserved)?);
        holds(Rule::Overspent, within, || format!("{reserved} is not between {least} and {}", wish.amount))?;
        let story = Story {
            node: k,
            boot: self.nodes[k].boots,
            accounts: wish.facts.scopes.iter().map(|scope| scope.account_id).collect(),
            reserved_first: reserved,
            marks: Vec::new(),
            torn: false,
            attempts: 0,
            flight: None,
            answered: None,
        };
        self.stories.insert(call_id, story);
        self.mark(call_id, Mark::Reserved);
        self.is_covered(k)?;
        Ok(None)
    }

    async fn ask(&mut self, k: usize, wish: Wish, short: &[Shortage], tries: u32) -> Checked {
        let floor = if tries > 1 { wish.floor } else { wish.amount };
        let mut scopes = Vec::new();
        for shortage in short {
            self.leases += 1;
            let (lease_id, account_id) = (self.ids.lease(self.leases), shortage.account_id);
            scopes.push(ScopeAsk { account_id, lease_id, need: wish.amount, floor, rate: shortage.rate });
        }
        let ask = Ask { journal_id: self.nodes[k].disk.journal_id, scopes };
        let at_ms = self.nodes[k].boot_ms;
        let mut answer = None;
        if self.dice.once_in(16) {
            self.saw("a question lost");
        } else {
            let granted = self.books.bank.grant(ask.clone()).await;
            self.touched = true;
            self.say(|| format!("node {k}: {} asks {:?}: {granted:?}", wish.facts.call_id, ask.scopes));
            self.shadow.grant(&ask, &granted)?;
            let lost = self.dice.once_in(12);
            self.saw(if lost { "an answer lost" } else { "an answer" });
            answer = (!lost).then_some(granted);
        }
        if let Some(process) = &mut self.nodes[k].process {
            process.asked.push(Asked { wish, ask, at_ms, answer, tries });
        }
        Ok(())
    }

    /// An answer arrives, or is waited for no longer.
    pub(crate) async fn answer(&mut self, k: usize) -> Checked {
        let count = self.nodes[k].process.as_ref().map_or(0, |process| process.asked.len());
        if count == 0 {
            return Ok(());
        }
        let index = self.dice.index(count);
        let Some(process) = &mut self.nodes[k].process else { return Ok(()) };
        let Asked { wish, ask, at_ms, answer, tries } = process.asked.remove(index);
        match answer {
            // Nobody else knows of a lease that may have been granted.
            None | Some(Err(GrantError::Unavailable(_))) => {
                let leases = if self.mutant == Some(Mutant::ForgetLost) { Vec::new() } else { ask.scopes };
                for ScopeAsk { account_id, lease_id, .. } in leases {
                    self.write(k, Record::Close { account_id, lease_id })?;
                }
                self.say(|| format!("node {k}: no answer for {}", wish.facts.call_id));
                Ok(())
            }
            Some(Ok(grants)) => {
                self.usable.extend(grants.iter().filter_map(|grant| until(grant, at_ms)));
                self.take(k, Input::Granted { grants, asked_ms: at_ms })?;
                let short = self.reserve_here(k, &wish, wish.amount)?.is_some();
                let none = short && self.reserve_here(k, &wish, wish.floor)?.is_some();
                self.saw(if none { "a grant that others took" } else { "a grant" });
                Ok(())
            }
            Some(Err(GrantError::Refused { .. })) => self.refused(k, wish, &ask, tries).await,
        }
    }

    /// Idle quota goes home; then what there is will do.
    async fn refused(&mut self, k: usize, wish: Wish, ask: &Ask, tries: u32) -> Checked {
        self.saw("a refusal");
        let accounts = ask.scopes.iter().map(|scope| scope.account_id).collect();
        self.take(k, Input::Recall { accounts })?;
        match self.reserve_here(k, &wish, wish.floor)? {
            Some(short) if tries < 2 => self.ask(k, wish, &short, tries + 1).await,
            _ => Ok(()),
        }
    }
}

fn until(grant: &Grant, at_ms: u64) -> Option<(LeaseId, u64)> {
    match grant {
        Grant::Leased { lease_id, usable_ms, .. } => Some((*lease_id, at_ms + usable_ms)),
        Grant::Unlimited { .. } => None,
    }
}
