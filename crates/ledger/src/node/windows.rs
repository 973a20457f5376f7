//! The windows that a call's budgets bind it to: chosen by this node's clock, put right by the ledger's.

use domain::{
    AccountId, BudgetId, Nanos, TimeStamp,
    account::{AccountRefusal, CallFacts, Scope},
    budget::{Binding, Window},
};

use super::{Node, ReserveError};
use crate::port::GrantError;

/// One window for each budget that binds a call.
#[derive(Debug, Default)]
pub(super) struct Windows(Vec<Drawn>);

/// A window that a call draws on.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    budget: Binding,
    window: Window,
    account_id: AccountId,
    /// Whether this is the one after that which our clock named.
    moved: bool,
}

impl Drawn {
    fn new(budget: Binding, window: Window, moved: bool) -> Self {
        Self { budget, window, account_id: budget.budget_id.account_in(&window), moved }
    }
}

impl Windows {
    /// The windows at `now`.
    pub(super) fn at(budgets: &[Binding], now: TimeStamp) -> Self {
        let drawn = |budget: &Binding| Drawn::new(*budget, budget.period.window(now), false);
        Self(budgets.iter().map(drawn).collect())
    }

    /// Their accounts, as scopes of a call.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().map(|drawn| Scope { account_id: drawn.account_id, lease_id: None })
    }

    /// Whose window an account is; none where it is no window of these.
    pub(super) fn budget_of(&self, account_id: AccountId) -> Option<BudgetId> {
        self.of(account_id).map(|drawn| drawn.budget.budget_id)
    }

    fn of(&self, account_id: AccountId) -> Option<&Drawn> {
        self.0.iter().find(|drawn| drawn.account_id == account_id)
    }

    /// Whether there is another way after a refusal: once into the next window where one is over by the ledger's
    /// clock, and past a budget that was closed, for such a one limits nobody.
    fn go_on(&mut self, refused: &GrantError) -> bool {
        let GrantError::Refused { account_id, refusal } = refused else { return false };
        let Some(place) = self.0.iter().position(|drawn| drawn.account_id == *account_id) else {
            return false;
        };
        let Drawn { budget, window, moved, .. } = self.0[place];
        match refusal {
            AccountRefusal::WindowOver if !moved => window.next().is_some_and(|next| {
                self.0[place] = Drawn::new(budget, next, true);
                true
            }),
            AccountRefusal::Closed => {
                self.0.remove(place);
                true
            }
            _ => false,
        }
    }

    /// A refusal that says which budget it is about.
    fn named(&self, refused: GrantError) -> ReserveError {
        let GrantError::Refused { account_id, .. } = &refused else {
            return ReserveError::Insufficient(refused);
        };
        match self.of(*account_id) {
            Some(Drawn { budget, window, .. }) => {
                ReserveError::Budget { budget: *budget, window: *window, refused }
            }
            None => ReserveError::Insufficient(refused),
        }
    }
}

impl Node {
    /// Sets quota aside on the accounts of a call and on a window of each of its budgets, or nowhere. Tried again at
    /// most twice for each budget.
    pub(super) async fn set_aside_within(
        &self,
        mut facts: CallFacts,
        budgets: &[Binding],
        amount: Nanos,
        floor: Nanos,
    ) -> Result<Nanos, ReserveError> {
        let mut windows = Windows::at(budgets, self.clock.wall());
        let accounts = facts.scopes.len();
        loop {
            facts.scopes.truncate(accounts);
            facts.scopes.extend(windows.scopes());
            match self.set_aside(&facts, &windows, amount, floor).await {
                Err(ReserveError::Insufficient(refused)) if !windows.go_on(&refused) => {
                    return Err(windows.named(refused));
                }
                Err(ReserveError::Insufficient(_)) => {}
                other => return other,
            }
        }
    }
}
