//! Anything in any order: what the calls' own story says must be what the ledger charges.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    AccountId,
    account::{AccountCommand, Adjustment, AttemptOutcome, Limit},
};
use uuid::Uuid;

use super::{Node, NodeError, Running, die, reserve_within, settle};
use crate::{
    ReserveError,
    fixtures::{Dice, Faulty, Ledger, Line, attempt, call, nanos, whole},
    step::StepError,
};

const STEPS: usize = 600;
const ACCOUNTS: u64 = 20;

/// A call that is open, as its caller sees it.
#[derive(Clone, Copy, Debug)]
struct Story {
    reserved: u64,
    attempts: u32,
    /// Whether its last attempt may have been billed.
    billable: bool,
    progress: u64,
}

struct World {
    dice: Dice,
    ledger: Ledger,
    port: Arc<Faulty>,
    node: Option<Arc<Node>>,
    boots: u32,
    calls: u128,
    open: BTreeMap<u128, Story>,
    extended: u32,
    /// What must be charged, for each call that ended.
    ended: BTreeMap<u128, u64>,
}

fn account(n: u64) -> AccountId {
    AccountId(Uuid::from_u128(0x100 + u128::from(n)))
}

async fn while_uploading<T>(node: &Node, asking: impl Future<Output = T>) -> T {
    let uploading = async {
        loop {
            let _ = node.upload().await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { answer = asking => answer, () = uploading => unreachable!() }
}

impl World {
    async fn new(seed: u64) -> Self {
        let ledger = Ledger::new().await;
        for n in 0..ACCOUNTS {
            match n {
                0 => ledger.open(account(n), Limit::Unlimited).await,
                1 | 2 => ledger.open(account(n), Limit::CreditNanos(nanos(500))).await,
                _ => ledger.prepaid(account(n), 100 * n).await,
            }
        }
        let port = Faulty::new(&ledger, Line::Good);
        let mut world = Self {
            dice: Dice::new(seed),
            ledger,
            port,
            node: None,
            boots: 1,
            calls: 0,
            open: BTreeMap::new(),
            extended: 0,
            ended: BTreeMap::new(),
        };
        world.start().await;
        world
    }

    fn node(&self) -> Arc<Node> {
        Arc::clone(self.node.as_ref().unwrap())
    }

    async fn start(&mut self) {
        self.port.set(Line::Good);
        let boot_id = format!("boot {}", self.boots);
        self.node = Some(self.ledger.node_over(self.port.clone(), &boot_id).await.unwrap());
    }

    async fn step(&mut self) {
        match self.dice.below(22) {
            0..6 => self.reserve().await,
            20 | 21 => self.extend().await,
            6..10 => self.go_on(),
            10..13 => self.end(),
            13 => {
                self.ledger.clock.pass_ms(self.dice.below(4_000));
                self.node().tidy();
            }
            14 | 15 => {
                // Whether it gets through is the line's affair.
                let _ = self.node().upload().await;
            }
            16 => self.port.set(
                [Line::Down, Line::AckLost, Line::Torn]
                    .get(self.dice.index(9))
                    .copied()
                    .unwrap_or(Line::Good),
            ),
            17 | 18 => self.administer().await,
            _ => self.crash().await,
        }
    }

    async fn reserve(&mut self) {
        self.calls += 1;
        let n = self.calls;
        let mut accounts = vec![account(self.dice.below(ACCOUNTS))];
        let second = account(self.dice.below(ACCOUNTS));
        if self.dice.below(3) == 0 && second != accounts[0] {
            accounts.push(second);
        }
        let amount = 1 + self.dice.below(200);
        let floor = if self.dice.below(2) == 0 { amount } else { amount.div_ceil(4) };
        let node = self.node();
        match while_uploading(&node, reserve_within(&node, n, &accounts, amount, floor)).await {
            Ok(reserved) => {
                assert!((floor..=amount).contains(&reserved.get()));
                let reserved = reserved.get();
                self.open.insert(n, Story { reserved, attempts: 0, billable: false, progress: 0 });
            }
            Err(ReserveError::Insufficient(_) | ReserveError::Ledger(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    async fn extend(&mut self) {
        let Some(n) = self.some_call() else { return };
        let amount = 1 + self.dice.below(100);
        let floor = amount.div_ceil(3);
        let node = self.node();
        match while_uploading(&node, node.extend(whole(n), nanos(amount), nanos(floor))).await {
            Ok(more) => {
                assert!((floor..=amount).contains(&more.get()));
                self.open.get_mut(&n).unwrap().reserved += more.get();
                self.extended += 1;
            }
            Err(ReserveError::Insufficient(_) | ReserveError::Ledger(_)) => {}
            Err(ReserveError::Node(NodeError::Step(StepError::Extended(_)))) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn some_call(&mut self) -> Option<u128> {
        let nth = self.dice.index(self.open.len().max(1));
        self.open.keys().nth(nth).copied()
    }

    fn go_on(&mut self) {
        let Some(n) = self.some_call() else { return };
        let (node, dice) = (self.node(), self.dice.below(3));
        let story = self.open.get_mut(&n).unwrap();
        match dice {
            _ if !story.billable => {
                story.attempts += 1;
                story.billable = true;
                drop(node.sent(whole(n), attempt(story.attempts, AttemptOutcome::Unknown)).unwrap());
            }
            0 if story.progress == 0 => {
                story.billable = false;
                node.attempt_ended(whole(n), story.attempts, AttemptOutcome::Unbilled).unwrap();
            }
            _ => {
                story.progress += 1 + u64::from(story.attempts);
                node.progress(whole(n), story.progress).unwrap();
            }
        }
    }

    fn end(&mut self) {
        let Some(n) = self.some_call() else { return };
        let story = self.open.remove(&n).unwrap();
        if story.billable {
            // One in ten outgrows what was reserved.
            let most = if self.dice.below(10) == 0 { story.reserved * 2 } else { story.reserved };
            let amount = self.dice.below(most + 1);
            self.settle(n, &story, amount);
        } else {
            self.node().void(whole(n)).unwrap();
        }
    }

    /// Its last attempt answered; one that has none has one now.
    fn settle(&mut self, n: u128, story: &Story, amount: u64) {
        let node = self.node();
        let last = story.attempts + u32::from(!story.billable);
        drop(node.sent(whole(n), attempt(last, AttemptOutcome::Unknown)).unwrap());
        node.attempt_ended(whole(n), last, AttemptOutcome::Billed).unwrap();
        settle(&node, n, amount, Vec::new()).unwrap();
        self.ended.insert(n, amount);
    }

    async fn administer(&mut self) {
        let id = account(1 + self.dice.below(ACCOUNTS - 1));
        let amount = nanos(1 + self.dice.below(300));
        let reason = String::from("test");
        let command = match self.dice.below(12) {
            0 => AccountCommand::Close,
            1..4 => AccountCommand::Reopen,
            4..9 => AccountCommand::Deposit { amount, reason },
            9 => AccountCommand::Adjust { adjustment: Adjustment::Debit, amount, reason },
            10 => AccountCommand::Adjust { adjustment: Adjustment::Chargeback, amount, reason },
            _ => AccountCommand::ChangeLimit(Limit::CreditNanos(amount)),
        };
        // The business may say no.
        let _ = self.ledger.decide(id, command).await;
    }

    /// The process dies; every third time the machine does.
    async fn crash(&mut self) {
        if let Some(node) = self.node.take() {
            die(&self.ledger, node).await;
        }
        let machine = self.dice.below(3) == 0;
        self.boots += u32::from(machine);
        for (n, story) in std::mem::take(&mut self.open) {
            if story.billable || machine {
                self.ended.insert(n, story.reserved.min(10 + story.progress));
            }
        }
        self.start().await;
    }

    /// What was charged, for each call.
    async fn charged(&self) -> BTreeMap<u128, u64> {
        let mut charged = BTreeMap::new();
        for charge in self.ledger.charges().await {
            let n = charge.call_id.0.as_u128() - call(0).0.as_u128();
            assert_eq!(charged.insert(n, charge.amount_nanos.get()), None, "call {n} ended twice");
        }
        charged
    }
}

async fn anything_happens(seed: u64) {
    let mut world = World::new(seed).await;
    for step in 0..STEPS {
        world.step().await;
        if step % 100 == 0 {
            world.ledger.is_sound().await;
        }
    }
    world.port.set(Line::Good);
    let running = Running::start(&world.node());
    for (n, story) in std::mem::take(&mut world.open) {
        world.settle(n, &story, 1);
    }
    running.stop().await;
    assert_eq!(world.charged().await, world.ended, "seed {seed}");
    assert!(world.ended.len() > 30, "only {} calls ended", world.ended.len());
    assert!(world.extended > 10, "only {} calls were extended", world.extended);
    for (id, folded) in world.ledger.folded().await {
        assert!(folded.leases.is_empty() && folded.pending_nanos == 0, "{id} with seed {seed}: {folded:?}");
    }
    world.ledger.is_sound().await;
}

#[tokio::test]
async fn whatever_happens_every_call_that_may_have_been_billed_is_charged_once() {
    for seed in 1..=3 {
        anything_happens(seed).await;
    }
}
