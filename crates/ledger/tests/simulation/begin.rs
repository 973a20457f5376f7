//! How a seed begins.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AccountId, Nanos,
    account::{AccountCommand, Limit, Owner},
};

use super::{
    book::Book,
    books::Books,
    dice::Dice,
    disk::Disk,
    facts::Ids,
    leases::Leases,
    node::Node,
    rule::Checked,
    shadow::Shadow,
    slip::Slip,
    story::Provider,
    world::{Durable, NODES, Seen, World},
};

impl<'a> World<'a> {
    pub(crate) async fn new(books: &'a Books, seed: u64, slip: Option<Slip>) -> Checked<Self> {
        let epoch = books.begin();
        let ids = Ids(seed);
        let mut dice = Dice::new(seed);
        let durable = if dice.once_in(2) { Durable::BeforeSending } else { Durable::Later };
        let calm = dice.once_in(4);
        let nodes = (0..NODES as u64).map(|k| Node::new(Disk::new(ids.journal(k)))).collect();
        let mut world = Self {
            books,
            ids,
            dice,
            slip,
            epoch,
            durable,
            calm,
            shadow: Shadow::default(),
            nodes,
            wire: Vec::new(),
            late: Vec::new(),
            departed: Vec::new(),
            stories: BTreeMap::new(),
            provider: Provider::default(),
            sessions: Vec::new(),
            jobs: BTreeMap::new(),
            leases: 0,
            lent: Leases::default(),
            accounts: Vec::new(),
            touched: true,
            began: books.head().await?,
            trace: Vec::new(),
            seen: Seen::new(),
        };
        world.open_accounts().await?;
        for k in 0..NODES {
            world.restart_surely(k).await?;
        }
        Ok(world)
    }

    /// One account that was paid into, then one that may be overdrawn, then one without a limit.
    async fn open_accounts(&mut self) -> Checked {
        let mut commands = Vec::new();
        for number in 0..self.dice.between(1, 3) {
            let account_id = self.ids.account(number);
            let (limit, further, credit) = match number {
                0 => (Limit::Prepaid, Some(0), self.dice.between(100, 1_000)),
                1 => (Limit::CreditNanos(Nanos::saturating(300)), Some(300), self.dice.between(1, 100)),
                _ => (Limit::Unlimited, None, 1),
            };
            let owner = Owner::User(self.ids.user());
            commands.push((account_id, AccountCommand::Open { account_id, owner, limit }));
            let amount = Nanos::new(credit)?;
            commands.push((account_id, AccountCommand::Deposit { amount, reason: "first".into() }));
            self.accounts.push(account_id);
            self.shadow.books.insert(account_id, Book { open: true, further, credit, ..Book::default() });
        }
        self.books.decide(commands).await?;
        let suspense = self.books.accounts(&BTreeSet::from([AccountId::SUSPENSE])).await?;
        let posted = suspense.get(&AccountId::SUSPENSE).map_or(0, |account| account.posted_nanos);
        self.shadow.books.insert(AccountId::SUSPENSE, Book { open: true, posted, ..Book::default() });
        Ok(())
    }
}
