//! Calls that budgets bind: each draws on a window of every budget, chosen by the node's clock and put right by the
//! ledger's.

use domain::{
    ApiTokenId, BudgetId, Log, UserId,
    account::AccountRefusal,
    budget::{Binding, BudgetCommand, BudgetRefusal, Holder, HolderKind, Period},
};
use eventlog::Metadata;
use uuid::Uuid;

use super::*;
use crate::{decide_budget, fixtures::Hand};

const HOUR_MS: u64 = 3_600_000;
const HOURLY: Binding =
    Binding { budget_id: BudgetId(Uuid::from_u128(0xb1)), holder: HolderKind::Token, period: Period::Hour };
const WHOLE: Binding =
    Binding { budget_id: BudgetId(Uuid::from_u128(0xb2)), holder: HolderKind::User, period: Period::Total };

/// The account of a budget's window in the hour after the first `n`.
fn account(budget: Binding, n: u64) -> AccountId {
    budget.budget_id.account_in(&budget.period.window(TimeStamp::default().plus_ms(n * HOUR_MS)))
}

async fn decide(ledger: &Ledger, budget: Binding, command: BudgetCommand) {
    let decided = ledger.log.transact::<_, BudgetRefusal, _>(Metadata::default(), move |tx| {
        Box::pin(async move { decide_budget::<BudgetRefusal>(tx, budget.budget_id, command).await })
    });
    decided.await.unwrap();
}

async fn open(ledger: &Ledger, budget: Binding, limit: u64) {
    let Binding { budget_id, holder, period } = budget;
    let holder = match holder {
        HolderKind::Token => Holder::Token(ApiTokenId(Uuid::from_u128(8))),
        HolderKind::User | HolderKind::Group => Holder::User(UserId(Uuid::from_u128(9))),
    };
    decide(ledger, budget, BudgetCommand::Open { budget_id, holder, period, limit: nanos(limit) }).await;
}

async fn bound(node: &Node, n: u128, budgets: &[Binding], amount: u64) -> Result<Nanos, ReserveError> {
    node.reserve(asked(n, &[PAYER]), budgets, nanos(amount), nanos(amount)).await
}

/// Which budget a refusal is about, and what it says.
fn refused(result: Result<Nanos, ReserveError>) -> (Binding, AccountRefusal) {
    match result {
        Err(ReserveError::Budget { budget, refused, .. }) => (budget, refused.refusal().unwrap().clone()),
        other => panic!("{other:?}"),
    }
}

/// A ledger with so much in the account and so much an hour, and a node on it.
async fn with(credit: u64, limit: u64) -> (Ledger, Arc<Node>, Running) {
    let ledger = Ledger::with(credit).await;
    open(&ledger, HOURLY, limit).await;
    let node = ledger.node().await;
    let running = Running::start(&node);
    (ledger, node, running)
}

/// The same with a node whose clock is its own.
async fn with_clock(limit: u64, clock_ms: i64) -> (Ledger, Arc<Node>, Running) {
    let ledger = Ledger::with(1_000).await;
    open(&ledger, HOURLY, limit).await;
    let clock = Arc::new(Hand::default());
    clock.jump_ms(clock_ms);
    let options = ledger.options("boot 1", 16 * 1024);
    let node = Node::open(options, Arc::new(ledger.bank.clone()), clock).await.unwrap();
    let running = Running::start(&node);
    (ledger, node, running)
}

#[tokio::test]
async fn a_call_is_charged_to_its_account_and_to_a_window_of_each_of_its_budgets() {
    let (ledger, node, _running) = with(1_000, 100).await;
    open(&ledger, WHOLE, 500).await;
    bound(&node, 1, &[HOURLY, WHOLE], 40).await.unwrap();
    answered(&node, 1, 25);
    node.upload().await.unwrap();
    for id in [PAYER, account(HOURLY, 0), account(WHOLE, 0)] {
        assert_eq!(ledger.account(id).await.posted_nanos, 25, "{id}");
    }
    let charges = ledger.charges().await;
    assert_eq!((charges.len(), charges[0].charges.len()), (1, 3));
    assert_eq!(charges[0].flags, [] as [Flag; 0]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn where_one_budget_is_short_nothing_is_held_anywhere_and_it_is_named() {
    let (ledger, node, _running) = with(1_000, 100).await;
    open(&ledger, WHOLE, 10).await;
    let short = AccountRefusal::Insufficient { available_nanos: 0, needed_nanos: 40 };
    assert_eq!(refused(bound(&node, 1, &[HOURLY, WHOLE], 40).await), (WHOLE, short));
    for id in [PAYER, account(HOURLY, 0), account(WHOLE, 0)] {
        assert_eq!(ledger.account(id).await.pending_nanos, 0, "{id}");
    }
    assert_eq!(node.open_calls(), 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn where_the_account_is_short_no_budget_is_blamed_and_no_window_is_opened() {
    let (ledger, node, _running) = with(50, 100).await;
    let poor = bound(&node, 1, &[HOURLY], 60).await;
    assert!(matches!(poor, Err(ReserveError::Insufficient(_))), "{poor:?}");
    assert_eq!(ledger.account(account(HOURLY, 0)).await.owner, None);
}

#[tokio::test]
async fn a_spent_window_refuses_and_the_next_one_begins_anew() {
    let (ledger, node, _running) = with(1_000, 100).await;
    bound(&node, 1, &[HOURLY], 80).await.unwrap();
    let (budget, _) = refused(bound(&node, 2, &[HOURLY], 30).await);
    assert_eq!(budget, HOURLY);
    ledger.clock.jump_ms(HOUR_MS.cast_signed());
    bound(&node, 3, &[HOURLY], 30).await.unwrap();
    // The first belongs to the window in which it was reserved, though that is over.
    answered(&node, 1, 70);
    answered(&node, 3, 20);
    node.upload().await.unwrap();
    let posted = async |id| ledger.account(id).await.posted_nanos;
    assert_eq!(posted(account(HOURLY, 0)).await, 70);
    assert_eq!(posted(account(HOURLY, 1)).await, 20);
    assert_eq!(posted(PAYER).await, 90);
    assert!(ledger.charges().await.iter().all(|charge| charge.flags.is_empty()));
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_node_whose_clock_is_behind_goes_on_in_the_ledgers_window() {
    let (ledger, node, _running) = with_clock(100, HOUR_MS.cast_signed() - 1_000).await;
    ledger.clock.jump_ms(HOUR_MS.cast_signed() + 1_000);
    bound(&node, 1, &[HOURLY], 60).await.unwrap();
    answered(&node, 1, 60);
    let (budget, refusal) = refused(bound(&node, 2, &[HOURLY], 60).await);
    assert_eq!(budget, HOURLY);
    assert!(matches!(refusal, AccountRefusal::Insufficient { .. }), "{refusal:?}");
    node.upload().await.unwrap();
    assert_eq!(ledger.account(account(HOURLY, 0)).await.owner, None, "nothing was spent in the hour before");
    assert_eq!(ledger.account(account(HOURLY, 1)).await.posted_nanos, 60);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_node_whose_clock_is_far_off_is_refused_once_for_all_and_spends_nothing() {
    let (ledger, node, _running) = with_clock(100, 5 * HOUR_MS.cast_signed()).await;
    assert_eq!(refused(bound(&node, 1, &[HOURLY], 10).await), (HOURLY, AccountRefusal::Unknown));
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
}

#[tokio::test]
async fn a_closed_budget_limits_nobody_though_a_node_still_names_it() {
    let (ledger, node, _running) = with(1_000, 100).await;
    open(&ledger, WHOLE, 100).await;
    bound(&node, 1, &[HOURLY], 80).await.unwrap();
    // Of the one a window is open, of the other there is none.
    decide(&ledger, HOURLY, BudgetCommand::Close).await;
    decide(&ledger, WHOLE, BudgetCommand::Close).await;
    bound(&node, 2, &[HOURLY, WHOLE], 500).await.unwrap();
    answered(&node, 1, 80);
    answered(&node, 2, 500);
    node.upload().await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 580);
    assert_eq!(ledger.account(account(HOURLY, 0)).await.posted_nanos, 580, "its window says what was spent");
    assert_eq!(ledger.account(account(WHOLE, 0)).await.owner, None);
    assert_eq!(ledger.account(AccountId::SUSPENSE).await.posted_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_new_limit_is_heeded_at_once_even_where_nothing_was_spent_yet() {
    let (ledger, node, _running) = with(1_000, 10).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&node).heed());
    for (limit, amount) in [(20, 11), (50, 30)] {
        refused(bound(&node, u128::from(amount), &[HOURLY], amount).await);
        while !node.lending.denials.is_up_to_date(ledger.log.head(Log::Ledger)) {
            tokio::task::yield_now().await;
        }
        decide(&ledger, HOURLY, BudgetCommand::ChangeLimit(nanos(limit))).await;
        bound(&node, u128::from(amount), &[HOURLY], amount).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_held_of_a_window_ends_with_it() {
    let (ledger, node, _running) = with(1_000, 100).await;
    ledger.clock.jump_ms(HOUR_MS.cast_signed() - 3_000);
    bound(&node, 1, &[HOURLY], 10).await.unwrap();
    let part = whole(1);
    sent(&node, 1);
    assert_eq!(node.progress(part, 1).unwrap(), crate::Tenure::Good);
    ledger.clock.jump_ms(3_000);
    ledger.clock.pass_ms(3_000);
    assert_eq!(node.progress(part, 2).unwrap(), crate::Tenure::Outlived, "another part is asked for");
    let over = node.extend(part, nanos(10), nanos(10)).await;
    let Err(ReserveError::Insufficient(over)) = over else { panic!("{over:?}") };
    assert_eq!(over.refusal(), Some(&AccountRefusal::WindowOver));
}
