//! What the data plane needs from outside; the binary implements it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use domain::{
    ChannelId, GroupName, ModelName, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, CallFacts, CallPart, Flag},
    budget::Binding,
    price::{Pinned, Usage},
    settings::CallRules,
};
use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::{Observer, RouteTable};

/// All of them.
#[derive(Clone)]
pub struct Ports {
    /// Where money is set aside and charged.
    pub ledger: Arc<dyn Ledger>,
    /// What is known of prices and channels.
    pub directory: Arc<dyn Directory>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps the channels' records.
    pub keeper: Arc<dyn ChannelKeeper>,
    /// Is told what came of calls.
    pub observer: Arc<dyn Observer>,
}

/// The node's side of the ledger. Every part of a call that is reserved is settled or voided exactly once.
pub trait Ledger: Send + Sync + 'static {
    /// Sets `amount` aside, or as much as there is, at least `floor`: answers with how much. The windows of `budgets`,
    /// the facts' leases and their `reserved` are filled in here.
    fn reserve(
        &self,
        facts: CallFacts,
        budgets: Vec<Binding>,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>>;

    /// Sets more aside for a call that outgrows what was: `amount`, or as much as there is, at least `floor`. Answers
    /// with how much more.
    fn extend(
        &self,
        call: CallPart,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>>;

    /// An attempt is about to send its first byte, once this record is durable.
    ///
    /// # Errors
    /// When that cannot be recorded: then nothing may be sent.
    fn sent(&self, call: CallPart, attempt: Attempt) -> Result<Durable, LedgerError>;

    /// An attempt ended.
    ///
    /// # Errors
    /// When that cannot be recorded.
    fn attempt_ended(&self, call: CallPart, attempt: u32, outcome: AttemptOutcome)
    -> Result<(), LedgerError>;

    /// So much of the answer has come; says whether the call goes on as it is.
    ///
    /// # Errors
    /// When that cannot be recorded.
    fn progress(&self, call: CallPart, output_tokens: u64) -> Result<Tenure, LedgerError>;

    /// The call ended and costs `amount`.
    ///
    /// # Errors
    /// When that cannot be recorded.
    fn settle(
        &self,
        call: CallPart,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
    ) -> Result<(), LedgerError>;

    /// The call ended and was provably billed nowhere.
    ///
    /// # Errors
    /// When that cannot be recorded.
    fn void(&self, call: CallPart) -> Result<(), LedgerError>;
}

/// How the quota stands that a call draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It may be spent.
    Good,
    /// The call has outlived its lease: what comes from now on is safer in another part of it.
    Outlived,
}

/// Resolves when a record may be relied upon; at once, and without a wait, where none is asked for.
#[must_use = "nothing may be sent before it is durable"]
pub struct Durable(Option<BoxFuture<'static, Result<(), LedgerError>>>);

impl Durable {
    /// Nothing need be waited for.
    pub const NOW: Self = Self(None);

    /// As durable as it is to be when `wait` resolves.
    pub const fn after(wait: BoxFuture<'static, Result<(), LedgerError>>) -> Self {
        Self(Some(wait))
    }
}

impl Future for Durable {
    type Output = Result<(), LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |wait| wait.as_mut().poll(context))
    }
}

/// Why nothing was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReserveError {
    /// An account of the caller has too little.
    #[error("the account has too little left for this call")]
    Insufficient,
    /// A budget that binds the caller has too little.
    #[error(transparent)]
    Budget(#[from] Spent),
    /// What the call is to be extended by would be drawn on a budget's window that is over: another part of the call
    /// would draw on the next.
    #[error("the window in which the call was reserved is over")]
    WindowOver,
    /// An account that pays is closed.
    #[error("an account that pays is closed")]
    Closed,
    /// The ledger cannot be reached, or its journal takes no more.
    #[error("the ledger cannot be reached")]
    Unavailable,
}

/// A budget of which too little is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which one.
    pub budget: Binding,
    /// When it begins anew; none where it never does.
    pub until: Option<TimeStamp>,
}

impl std::error::Error for Spent {}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, until } = self;
        write!(f, "{budget} has too little left for this call")?;
        match until {
            Some(until) => write!(f, "; it begins anew at {until}")?,
            None => f.write_str("; it does not begin anew")?,
        }
        write!(f, " (budget {})", budget.budget_id)
    }
}

/// The ledger could not record what it was told.
#[derive(Debug, Error)]
#[error("the ledger could not record it: {0}")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What the node knows of prices and channels.
pub trait Directory: Send + Sync + 'static {
    /// What a group pays for a model; `None` where no price is known.
    fn price(&self, model: &ModelName, group: &GroupName) -> Option<Arc<Priced>>;

    /// Every channel that takes calls.
    fn routes(&self) -> Arc<RouteTable>;

    /// What holds for a group's calls of a model.
    fn rules(&self, group: &GroupName, model: &ModelName) -> CallRules;
}

/// A price and the limits that an estimate needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priced {
    /// The price, as it is pinned to the call.
    pub pinned: Pinned,
    /// The control log's position at which that is the price.
    pub control_position: u64,
    /// The longest input that the model takes.
    pub input_tokens_max: Option<u64>,
    /// The longest output that it gives.
    pub output_tokens_max: Option<u64>,
}

/// The clocks.
pub trait Clock: Send + Sync + 'static {
    /// Now, for people and records.
    fn now(&self) -> TimeStamp;

    /// Milliseconds since the machine started, for lengths of time: never set back, and not stopped by a suspend.
    fn boot_ms(&self) -> u64;
}

/// Keeps the channels' records. What it is told may have been done before, or be undone by an admin, whose word
/// stands over it; it does not wait.
pub trait ChannelKeeper: Send + Sync + 'static {
    /// The provider refuses every key of the channel.
    fn disable(&self, channel: ChannelId);

    /// The provider takes a key of a channel that was disabled for refusing them.
    fn enable(&self, channel: ChannelId);
}
