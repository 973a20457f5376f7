//! What happens next, as the dice fall.

use domain::{
    AccountId, LeaseId, Nanos,
    account::{AccountCommand, LeaseEnd},
};
use ledger::{record::CallPart, step::Input};

use super::{
    rule::Checked,
    slip::Slip,
    world::{NODES, World},
};

impl World<'_> {
    /// One step.
    pub(crate) async fn step(&mut self) -> Checked {
        let k = self.dice.index(NODES);
        let moves = if self.calm { 75 } else { 80 };
        match self.dice.below(moves) {
            0..8 => self.upload_in_background(k).await,
            8..18 => self.deliver().await,
            18 => self.administer().await,
            19 => self.reclaim().await,
            20 => {
                self.set_wall();
                Ok(())
            }
            67..71 => self.some_job().await,
            71..73 => self.tend().await,
            73..75 => self.late_question().await,
            75..77 => self.lose_power(k),
            _ if self.nodes[k].process.is_none() => self.restart(k).await,
            21..33 => self.reserve(k).await,
            33..53 => self.some_call_goes_on(),
            53..61 => self.answer(k).await,
            61..65 => self.time_passes(k),
            65 => {
                self.say(|| format!("node {k}: gives back what is idle"));
                self.take(k, Input::Recall { accounts: Vec::new() }).map(drop)
            }
            66 => {
                self.node(k).disk.sync();
                Ok(())
            }
            77 => self.die_giving_back(k),
            _ => {
                self.kill(k);
                Ok(())
            }
        }
    }

    /// Calls that are open on a node that is up.
    fn open_calls(&self) -> Vec<CallPart> {
        let up = |node: usize| self.nodes[node].process.is_some();
        let open = self.stories.iter().filter(|(_, story)| story.is_open() && up(story.node));
        open.map(|(call, _)| *call).collect()
    }

    fn some_call_goes_on(&mut self) -> Checked {
        let open = self.open_calls();
        let Some(call) = self.dice.pick(&open) else { return Ok(()) };
        for _ in 0..self.dice.between(1, 3) {
            if self.stories.get(&call).is_some_and(super::story::Story::is_open) {
                self.advance(call)?;
            }
        }
        Ok(())
    }

    /// Every open call comes to its end.
    pub(crate) fn finish_calls(&mut self) -> Checked {
        loop {
            let open = self.open_calls();
            if open.is_empty() {
                return Ok(());
            }
            open.into_iter().try_for_each(|call| self.advance(call))?;
        }
    }

    async fn upload_in_background(&mut self, k: usize) -> Checked {
        if self.nodes[k].process.is_none() {
            return Ok(());
        }
        if self.dice.once_in(2) && self.slip != Some(Slip::UploadUnsynced) {
            self.node(k).disk.sync();
        }
        self.upload(k).await
    }

    fn time_passes(&mut self, k: usize) -> Checked {
        let most = if self.dice.once_in(6) { 70_000 } else { 4_000 };
        let ms = self.dice.below(most);
        self.node(k).boot_ms += ms;
        let now_ms = self.nodes[k].boot_ms;
        self.say(|| format!("node {k}: it is {now_ms} ms"));
        if self.dice.once_in(2) {
            return Ok(());
        }
        self.take(k, Input::Tick { now_ms }).map(drop)
    }

    /// Somebody sets the clock of the ledger's machine, to before or after.
    pub(crate) fn set_wall(&mut self) {
        let micros = i64::try_from(self.dice.below(10_000_000_000)).unwrap_or(0);
        self.books.wall.set(self.epoch + micros);
        self.say(|| format!("the ledger's clock is set to {micros}"));
    }

    async fn administer(&mut self) -> Checked {
        let accounts = &self.shadow.books;
        let closed = self.accounts.iter().copied().find(|id| accounts.get(id).is_some_and(|book| !book.open));
        let Some(id) = closed.or_else(|| self.dice.pick(&self.accounts)) else { return Ok(()) };
        let amount = self.dice.between(1, 60);
        let (command, what) = match self.dice.below(3) {
            _ if closed.is_some() => (AccountCommand::Reopen, "a reopened account"),
            0 => (AccountCommand::Close, "a closed account"),
            _ => {
                let reason = "more".into();
                (AccountCommand::Deposit { amount: Nanos::new(amount)?, reason }, "a deposit")
            }
        };
        self.say(|| format!("{id}: {command:?}"));
        self.saw(what);
        let book = self.shadow.book(id)?;
        match command {
            AccountCommand::Close => book.open = false,
            AccountCommand::Reopen => book.open = true,
            _ => book.credit += amount,
        }
        self.touched = true;
        self.books.decide(vec![(id, command)]).await
    }

    /// The ledger takes a lease back, whether or not its node still spends it: clocks may be wrong, and lines cut.
    async fn reclaim(&mut self) -> Checked {
        let mut journals = self.departed.clone();
        journals.extend(self.nodes.iter().map(|node| node.disk.journal_id));
        let Some(journal_id) = self.dice.pick(&journals) else { return Ok(()) };
        let leases = self.shadow.open_leases(journal_id);
        let Some((id, lease_id)) = self.dice.pick(&leases) else { return Ok(()) };
        self.saw("a reclaimed lease");
        self.take_back(id, lease_id).await
    }

    pub(crate) async fn take_back(&mut self, id: AccountId, lease_id: LeaseId) -> Checked {
        self.say(|| format!("the ledger reclaims {lease_id} of {id}"));
        self.shadow.book(id)?.reclaim(lease_id);
        self.touched = true;
        let end = LeaseEnd::Reclaimed;
        self.books.decide(vec![(id, AccountCommand::EndLease { lease_id, end })]).await
    }
}
