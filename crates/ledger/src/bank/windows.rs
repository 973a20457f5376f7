//! Windows of budgets: accounts that are opened at first use.

use std::collections::BTreeSet;

use domain::{
    AccountId, Aggregate, BudgetId, Log,
    account::{AccountCommand, AccountRefusal, Limit},
    budget::{
        Budget, BudgetCommand, BudgetEvent, BudgetRefusal, BudgetWindowEvent, Terms, WINDOW_SKEW_MS_MAX,
    },
};
use eventlog::{Fault, NewEvent, StoreError, StreamAppend, Tx, stream_name};

use crate::accounts;

/// Opens the window whose account this is, unless that was done.
pub(super) async fn open(
    tx: &mut Tx,
    budget_id: BudgetId,
    account_id: AccountId,
) -> Result<(), Fault<AccountRefusal>> {
    if is_open(tx, account_id).await? {
        return Ok(());
    }
    let (budget, _) = tx.load::<Budget>(&budget_id.to_string()).await?;
    let now = tx.now();
    let opened = budget.terms().and_then(|terms| terms.open_window(account_id, now));
    let opened = opened.map_err(|refusal| {
        Fault::Refused(match refusal {
            BudgetRefusal::Closed => AccountRefusal::Closed,
            BudgetRefusal::WindowOver => AccountRefusal::WindowOver,
            BudgetRefusal::Unknown
            | BudgetRefusal::Exists
            | BudgetRefusal::Held
            | BudgetRefusal::OtherWindow => AccountRefusal::Unknown,
        })
    })?;
    let BudgetWindowEvent::Opened { window, .. } = &opened;
    let stream = stream_name(Budget::KIND, &format!("{budget_id}:{window}"));
    let events = vec![NewEvent::of(&opened)?];
    tx.append(vec![StreamAppend { log: Log::Ledger, stream, expected: Some(0), events, trace: None }])
        .await?;
    Ok(())
}

/// Asks a budget, and lets the window that is open now follow: a new limit holds at once, and a closed budget limits
/// nobody, while what its calls hold still settles where it was reserved.
///
/// # Errors
/// When it refuses, or the store fails.
pub async fn decide_budget<R: From<BudgetRefusal>>(
    tx: &mut Tx,
    budget_id: BudgetId,
    command: BudgetCommand,
) -> Result<Vec<BudgetEvent>, Fault<R>> {
    let events = tx.decide::<Budget, R>(&budget_id.to_string(), command).await?;
    let (budget, _) = tx.load::<Budget>(&budget_id.to_string()).await?;
    let (Budget::Open(terms) | Budget::Closed(terms)) = budget else { return Ok(events) };
    for event in &events {
        let follows = match event {
            BudgetEvent::Opened { .. } => continue,
            BudgetEvent::LimitChanged { limit_nanos } => {
                AccountCommand::ChangeLimit(Limit::CreditNanos(*limit_nanos))
            }
            BudgetEvent::Closed {} => AccountCommand::ChangeLimit(Limit::Unlimited),
        };
        for account_id in near(tx, &terms) {
            follow(tx, account_id, follows.clone()).await?;
        }
    }
    Ok(events)
}

/// The accounts of the window that is now, and of the next where that may have been opened early.
fn near(tx: &Tx, terms: &Terms) -> BTreeSet<AccountId> {
    let now = tx.now();
    let times = [now, now.plus_ms(WINDOW_SKEW_MS_MAX)];
    times.into_iter().map(|at| terms.budget_id.account_in(&terms.window(at))).collect()
}

/// A window that was not opened yet has nothing to follow with: it will be opened as the budget says then.
async fn follow(tx: &mut Tx, account_id: AccountId, command: AccountCommand) -> Result<(), StoreError> {
    match accounts::decide::<AccountRefusal>(tx, account_id, command).await {
        Ok(_) | Err(Fault::Refused(_)) => Ok(()),
        Err(Fault::Store(error)) => Err(error),
    }
}

async fn is_open(tx: &mut Tx, account_id: AccountId) -> Result<bool, StoreError> {
    Ok(!accounts::load(tx.connection(), &BTreeSet::from([account_id])).await?.is_empty())
}
