//! A budget: so much may be spent in each window of time. Every window is an account of its own, opened at first use.

mod events;
mod holder;
#[cfg(test)]
mod tests;
mod window;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    events::{BudgetEvent, BudgetWindowEvent},
    holder::{Binding, Holder, HolderKind},
    window::{Period, Window},
};
use crate::{Aggregate, BudgetId, Log, Nanos, TimeStamp};

/// How far a node's clock may be ahead of the ledger's at the end of a window, in milliseconds.
pub const WINDOW_SKEW_MS_MAX: u64 = 5_000;

/// What is asked of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetCommand {
    /// Makes it.
    Open {
        /// Its id, also that of its stream.
        budget_id: BudgetId,
        /// Whose calls it limits. It stays so: what was spent of it was spent by them.
        holder: Holder,
        /// How long each of its windows is. It stays so: windows of two lengths would overlap.
        period: Period,
        /// What may be spent in each.
        limit: Nanos,
    },
    /// Lets so much be spent in each window, the current one included.
    ChangeLimit(Nanos),
    /// Ends it: it limits nobody any more.
    Close,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BudgetRefusal {
    /// There is none of that id.
    #[error("there is no such budget")]
    Unknown,
    /// The id is taken.
    #[error("a budget of that id exists")]
    Exists,
    /// It was closed.
    #[error("the budget is closed")]
    Closed,
    /// Whoever it is to limit has an open one of that period.
    #[error("there is an open budget of that period already; change that one, or close it first")]
    Held,
    /// The account that was named is of a window that is over.
    #[error("the budget's window is over; the next one has begun")]
    WindowOver,
    /// The account that was named is of none of its windows, or of one that is far from now.
    #[error("that account is no window of the budget")]
    OtherWindow,
}

/// What a budget says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// Whose.
    pub budget_id: BudgetId,
    /// Whose calls it limits; nobody's, where it was opened before budgets said so.
    #[serde(default)]
    pub holder: Option<Holder>,
    /// How long each window is.
    pub period: Period,
    /// What may be spent in each.
    pub limit: Nanos,
}

/// A budget, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Budget {
    /// Never made.
    #[default]
    Absent,
    /// In use.
    Open(Terms),
    /// No window of it is opened any more.
    Closed(Terms),
}

impl Budget {
    /// What it says, where it may be drawn upon.
    ///
    /// # Errors
    /// When it was never made, or closed.
    pub const fn terms(&self) -> Result<&Terms, BudgetRefusal> {
        match self {
            Self::Absent => Err(BudgetRefusal::Unknown),
            Self::Closed(_) => Err(BudgetRefusal::Closed),
            Self::Open(terms) => Ok(terms),
        }
    }
}

impl Terms {
    /// The window at `now`.
    pub fn window(&self, now: TimeStamp) -> Window {
        self.period.window(now)
    }

    /// Opens the window whose account is `account_id`. A node whose clock is a little ahead may open it early; one
    /// whose clock is behind is told that its window is over.
    ///
    /// # Errors
    /// When the account is of no window around `now`.
    pub fn open_window(
        &self,
        account_id: crate::AccountId,
        now: TimeStamp,
    ) -> Result<BudgetWindowEvent, BudgetRefusal> {
        let is_of = |window: &Window| self.budget_id.account_in(window) == account_id;
        let near = [now, now.plus_ms(WINDOW_SKEW_MS_MAX)].map(|at| self.window(at));
        match near.into_iter().find(is_of) {
            Some(window) => Ok(BudgetWindowEvent::Opened {
                account_id,
                budget_id: self.budget_id,
                window,
                limit_nanos: self.limit,
            }),
            None if is_of(&self.window(now.minus_ms(WINDOW_SKEW_MS_MAX))) => Err(BudgetRefusal::WindowOver),
            None => Err(BudgetRefusal::OtherWindow),
        }
    }
}

impl Aggregate for Budget {
    const KIND: &'static str = "budget";
    const LOG: Log = Log::Control;
    type Command = BudgetCommand;
    type Event = BudgetEvent;
    type Refusal = BudgetRefusal;

    fn decide(&self, command: BudgetCommand) -> Result<Vec<BudgetEvent>, BudgetRefusal> {
        use BudgetCommand as C;
        match (self, command) {
            (Self::Absent, C::Open { budget_id, holder, period, limit }) => {
                let holder = Some(holder);
                Ok(vec![BudgetEvent::Opened { budget_id, holder, period, limit_nanos: limit }])
            }
            (Self::Open(_) | Self::Closed(_), C::Open { .. }) => Err(BudgetRefusal::Exists),
            (Self::Absent, _) => Err(BudgetRefusal::Unknown),
            (Self::Closed(_), C::Close) => Ok(Vec::new()),
            (Self::Closed(_), C::ChangeLimit(_)) => Err(BudgetRefusal::Closed),
            (Self::Open(terms), C::ChangeLimit(limit)) if limit == terms.limit => Ok(Vec::new()),
            (Self::Open(_), C::ChangeLimit(limit)) => {
                Ok(vec![BudgetEvent::LimitChanged { limit_nanos: limit }])
            }
            (Self::Open(_), C::Close) => Ok(vec![BudgetEvent::Closed {}]),
        }
    }

    fn evolve(&mut self, event: &BudgetEvent) {
        match (&mut *self, event) {
            (_, BudgetEvent::Opened { budget_id, holder, period, limit_nanos }) => {
                let (budget_id, holder) = (*budget_id, holder.clone());
                *self = Self::Open(Terms { budget_id, holder, period: *period, limit: *limit_nanos });
            }
            (Self::Open(terms) | Self::Closed(terms), BudgetEvent::LimitChanged { limit_nanos }) => {
                terms.limit = *limit_nanos;
            }
            (Self::Open(terms), BudgetEvent::Closed {}) => *self = Self::Closed(terms.clone()),
            (Self::Absent | Self::Closed(_), _) => {}
        }
    }
}
