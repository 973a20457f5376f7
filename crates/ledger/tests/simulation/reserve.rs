//! How a call gets quota: from the leases at hand, else from the ledger.

use domain::{AccountId, Nanos};
use ledger::{
    Ask, GrantError, LedgerPort, ScopeAsk,
    record::{CallPart, Record},
    step::{Grant, Input, Reply, Shortage},
};

use super::{
    facts::{INPUT, facts, told},
    node::{Asked, Late, Wish},
    rule::{Checked, Rule, Violation, holds},
    slip::Slip,
    story::{Mark, Story},
    world::World,
};

/// The most parts of one call.
const PARTS_MAX: u32 = 4;

/// A call as its client knows it: each part of it is reserved, sent and settled by itself.
pub(crate) struct Session {
    node: usize,
    last: CallPart,
    accounts: Vec<AccountId>,
}

impl World<'_> {
    /// Some of the accounts, at least one.
    pub(crate) fn some_accounts(&mut self) -> Vec<AccountId> {
        let mut accounts = self.accounts.clone();
        while accounts.len() > 1 && !self.dice.once_in(3) {
            accounts.remove(self.dice.index(accounts.len()));
        }
        accounts
    }

    /// A new call, or another part of one, and the accounts that it is charged to.
    fn next_part(&mut self, k: usize) -> (CallPart, Vec<AccountId>) {
        if self.dice.once_in(3) {
            let goes_on = |session: &&mut Session| session.node == k && session.last.part + 1 < PARTS_MAX;
            let mut goes_on: Vec<_> = self.sessions.iter_mut().filter(goes_on).collect();
            if !goes_on.is_empty() {
                let session = goes_on.swap_remove(self.dice.index(goes_on.len()));
                session.last.part += 1;
                return (session.last, session.accounts.clone());
            }
        }
        let accounts = self.some_accounts();
        let call_id = self.ids.call(self.sessions.len() as u64 + 1);
        let last = CallPart { call_id, part: 0 };
        self.sessions.push(Session { node: k, last, accounts: accounts.clone() });
        (last, accounts)
    }

    pub(crate) async fn reserve(&mut self, k: usize) -> Checked {
        let (call, accounts) = self.next_part(k);
        if call.part > 0 {
            self.saw("another part");
        }
        let amount = if self.dice.once_in(3) { self.dice.between(12, 24) } else { self.dice.between(15, 90) };
        let floor = if self.dice.once_in(2) { amount } else { amount.div_ceil(3).max(INPUT + 2) };
        let (amount, floor) = (Nanos::new(amount)?, Nanos::new(floor)?);
        let wish = Wish { facts: facts(self.ids, call, &accounts)?, amount, floor };
        match self.reserve_here(k, &wish, amount)? {
            None => Ok(()),
            Some(short) => self.ask(k, wish, &short, 1).await,
        }
    }

    /// Reserves from the leases at hand; says what is short.
    fn reserve_here(&mut self, k: usize, wish: &Wish, least: Nanos) -> Checked<Option<Vec<Shortage>>> {
        let (call, now_ms) = (CallPart::of(&wish.facts), self.nodes[k].boot_ms);
        let facts = Box::new(wish.facts.clone());
        let reply = self.take(k, Input::Reserve { facts, amount: wish.amount, floor: least, now_ms })?;
        let reserved = match reply {
            Reply::Short(short) => return Ok(Some(short)),
            Reply::Reserved(reserved) => reserved.get(),
            Reply::Done => return Err(Violation::new(Rule::Machinery, "nothing was reserved".into())),
        };
        self.say(|| format!("node {k}: {} reserves {reserved}", told(call)));
        let within = (least..=wish.amount).contains(&Nanos::new(reserved)?);
        holds(Rule::Overspent, within, || format!("{reserved} is not between {least} and {}", wish.amount))?;
        let story = Story {
            node: k,
            boot: self.nodes[k].boots,
            accounts: wish.facts.scopes.iter().map(|scope| scope.account_id).collect(),
            reserved_first: reserved,
            marks: Vec::new(),
            carried: Vec::new(),
            torn: false,
            attempts: 0,
            flight: None,
            answered: None,
        };
        self.stories.insert(call, story);
        self.mark(call, Mark::Reserved);
        self.is_covered(k)?;
        Ok(None)
    }

    async fn ask(&mut self, k: usize, wish: Wish, short: &[Shortage], tries: u32) -> Checked {
        self.give_back_inherited(k).await?;
        let floor = if tries > 1 { wish.floor } else { wish.amount };
        let mut scopes = Vec::new();
        for shortage in short {
            self.leases += 1;
            let (lease_id, account_id) = (self.ids.lease(self.leases), shortage.account_id);
            // Some nodes spend more than they do here, and are granted more than the call at hand needs.
            let more = if self.dice.once_in(2) { self.dice.below(300) } else { 0 };
            scopes.push(ScopeAsk {
                account_id,
                lease_id,
                need: wish.amount,
                floor,
                rate: shortage.rate.plus(Nanos::new(more)?),
                budget: None,
            });
        }
        let ask = Ask { journal_id: self.nodes[k].disk.journal_id, scopes };
        let at_ms = self.nodes[k].boot_ms;
        let mut answer = None;
        if self.dice.once_in(16) {
            self.saw("a question lost");
        } else if self.dice.once_in(12) {
            self.late.push(Late { node: k, ask: ask.clone() });
        } else {
            let granted = self.is_granted(k, &ask).await?;
            let lost = self.dice.once_in(12);
            self.saw(if lost { "an answer lost" } else { "an answer" });
            answer = (!lost).then_some(granted);
        }
        if let Some(process) = &mut self.nodes[k].process {
            process.asked.push(Asked { wish, ask, at_ms, answer, tries });
        }
        Ok(())
    }

    /// The ledger is asked, and its answer held against what there is.
    async fn is_granted(&mut self, k: usize, ask: &Ask) -> Checked<Result<Vec<Grant>, GrantError>> {
        let granted = self.books.hears(ask.journal_id).grant(ask.clone()).await;
        self.touched = true;
        self.say(|| format!("node {k}: {:?} is asked: {granted:?}", ask.scopes));
        self.shadow.grant(ask, &granted)?;
        Ok(granted)
    }

    /// A question arrives, perhaps when nobody waits for its answer any more.
    pub(crate) async fn late_question(&mut self) -> Checked {
        if self.late.is_empty() {
            return Ok(());
        }
        let Late { node, ask } = self.late.swap_remove(self.dice.index(self.late.len()));
        let closed = ask.scopes.iter().any(|scope| self.shadow.closed.contains(&scope.lease_id));
        self.saw(if closed { "a question after its lease was given back" } else { "a late question" });
        self.is_granted(node, &ask).await.map(drop)
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
                let leases = if self.slip == Some(Slip::ForgetLost) { Vec::new() } else { ask.scopes };
                for ScopeAsk { account_id, lease_id, .. } in leases {
                    self.write(k, &Record::Close { account_id, lease_id })?;
                }
                self.say(|| format!("node {k}: no answer for {}", told(CallPart::of(&wish.facts))));
                Ok(())
            }
            Some(Ok(grants)) => {
                self.lent.granted(&grants, at_ms);
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
