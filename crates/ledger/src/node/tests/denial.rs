//! A refusal that is kept for a moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use domain::{
    JournalId, LeaseId,
    account::{AccountCommand, AccountRefusal, Adjustment, Limit},
};
use futures_util::{future::BoxFuture, stream::BoxStream};

use super::*;
use crate::{
    Ask, Bank, Cursor, GrantError, IngestError, LedgerPort, News, NewsError, Standing, fixtures::LIMIT,
    journal::Framed, step::Grant,
};

/// Counts what the ledger is asked for.
struct Counting {
    bank: Bank,
    grants: AtomicUsize,
}

impl LedgerPort for Counting {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        self.grants.fetch_add(1, Ordering::Relaxed);
        self.bank.grant(ask)
    }
    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        self.bank.cursor(journal_id)
    }
    fn ingest(
        &self,
        journal_id: JournalId,
        records: Vec<Framed>,
    ) -> BoxFuture<'_, Result<Cursor, IngestError>> {
        self.bank.ingest(journal_id, records)
    }
    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        self.bank.open_leases(journal_id)
    }
    fn recalls(&self, journal_id: JournalId) -> BoxStream<'static, AccountId> {
        self.bank.recalls(journal_id)
    }

    fn head(&self) -> u64 {
        self.bank.head()
    }

    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>> {
        self.bank.news(after)
    }
}

/// A node that heeds its ledger's log.
struct Heeding {
    ledger: Ledger,
    port: Arc<Counting>,
    node: Arc<Node>,
    _tasks: JoinSet<()>,
}

impl Heeding {
    async fn with(credit: u64) -> Self {
        let ledger = Ledger::with(credit).await;
        let port = Arc::new(Counting { bank: ledger.bank.clone(), grants: AtomicUsize::new(0) });
        let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&node).heed());
        let heeding = Self { ledger, port, node, _tasks: tasks };
        heeding.catch_up().await;
        heeding
    }

    /// Until the node has heeded all that was said.
    async fn catch_up(&self) {
        while !self.node.lending.denials.is_up_to_date(self.port.head()) {
            tokio::task::yield_now().await;
        }
    }

    async fn decide(&self, command: AccountCommand) {
        self.ledger.decide(PAYER, command).await.unwrap();
        self.catch_up().await;
    }

    fn grants(&self) -> usize {
        self.port.grants.load(Ordering::Relaxed)
    }

    /// Asks for `amount` and says whether it was refused, and whether the ledger was asked.
    async fn ask(&self, n: u128, amount: u64) -> (bool, bool) {
        let before = self.grants();
        let answer = reserve(&self.node, n, amount).await;
        assert!(matches!(answer, Ok(_) | Err(ReserveError::Insufficient(_))), "{answer:?}");
        (answer.is_err(), self.grants() > before)
    }
}

const REFUSED_HERE: (bool, bool) = (true, false);
const REFUSED_THERE: (bool, bool) = (true, true);

fn deposit(amount: u64) -> AccountCommand {
    AccountCommand::Deposit { amount: nanos(amount), reason: "more".into() }
}

#[tokio::test]
async fn a_flood_that_nobody_can_pay_asks_the_ledger_once() {
    let heeding = Heeding::with(50).await;
    assert_eq!(heeding.ask(1, 60).await, REFUSED_THERE);
    let asked = heeding.grants();
    let flood = (2..200).map(|n| reserve(&heeding.node, n, 60));
    let answers = futures_util::future::join_all(flood).await;
    let insufficient = |answer: &Result<Nanos, ReserveError>| {
        let Err(ReserveError::Insufficient(GrantError::Refused { account_id, refusal })) = answer else {
            return false;
        };
        let expected = AccountRefusal::Insufficient { available_nanos: 50, needed_nanos: 60 };
        (*account_id, refusal) == (PAYER, &expected)
    };
    assert!(answers.iter().all(insufficient), "{answers:?}");
    assert_eq!(heeding.grants(), asked);
    heeding.ledger.clock.pass_ms(1_500);
    assert_eq!(heeding.ask(300, 60).await, REFUSED_THERE, "for a moment only");
}

#[tokio::test]
async fn whatever_may_make_a_refusal_untrue_ends_it_at_once() {
    let raising = [
        deposit(20),
        AccountCommand::Adjust { adjustment: Adjustment::Credit, amount: nanos(20), reason: "more".into() },
        AccountCommand::ChangeLimit(Limit::CreditNanos(nanos(20))),
        AccountCommand::ChangeLimit(Limit::Unlimited),
    ];
    for command in raising {
        let heeding = Heeding::with(50).await;
        assert_eq!(heeding.ask(1, 60).await, REFUSED_THERE);
        assert_eq!(heeding.ask(2, 60).await, REFUSED_HERE);
        heeding.decide(command.clone()).await;
        assert_eq!(heeding.ask(3, 60).await, (false, true), "{command:?}");
    }
    let heeding = Heeding::with(50).await;
    heeding.decide(AccountCommand::Close).await;
    assert_eq!(heeding.ask(1, 10).await, REFUSED_THERE);
    assert_eq!(heeding.ask(2, 10).await, REFUSED_HERE);
    heeding.decide(AccountCommand::Reopen).await;
    assert_eq!(heeding.ask(3, 10).await, (false, true));
}

#[tokio::test]
async fn a_refusal_is_not_relied_upon_before_all_that_was_said_is_heeded() {
    let heeding = Heeding::with(50).await;
    assert_eq!(heeding.ask(1, 60).await, REFUSED_THERE);
    // Nothing runs in between: the node cannot have heeded it yet.
    heeding.ledger.decide(PAYER, deposit(20)).await.unwrap();
    assert_eq!(heeding.ask(2, 60).await, (false, true));
}

#[tokio::test]
async fn less_than_was_refused_is_asked_for_all_the_same_and_what_is_at_hand_is_given() {
    let heeding = Heeding::with(50).await;
    heeding.ledger.prepaid(LIMIT, 5).await;
    heeding.catch_up().await;
    assert_eq!(heeding.ask(1, 60).await, REFUSED_THERE);
    assert_eq!(heeding.ask(2, 50).await, (false, true));
    assert_eq!(heeding.ask(3, 10).await, REFUSED_THERE);
    heeding.catch_up().await;
    assert_eq!(heeding.ask(4, 10).await, REFUSED_HERE);
    // The call that holds everything ends: its lease has room now, whatever the ledger said.
    sent(&heeding.node, 2);
    answered(&heeding.node, 2, 30);
    assert_eq!(heeding.ask(5, 10).await, (false, false));
    let refused = reserve_within(&heeding.node, 6, &[LIMIT], 6, 6).await;
    assert!(matches!(refused, Err(ReserveError::Insufficient(_))), "another account is another matter");
}

#[tokio::test]
async fn a_node_that_heeds_no_log_keeps_no_refusal() {
    let ledger = Ledger::with(50).await;
    let port = Arc::new(Counting { bank: ledger.bank.clone(), grants: AtomicUsize::new(0) });
    let node = ledger.node_over(port.clone(), "boot 1").await.unwrap();
    for n in 1..=3 {
        assert!(reserve(&node, n, 60).await.is_err());
    }
    assert!(port.grants.load(Ordering::Relaxed) >= 3);
}
