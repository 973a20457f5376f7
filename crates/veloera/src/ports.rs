//! The data plane's ports, put onto the ledger and the read models.

mod accounts;
mod balances;
mod board;
mod kept;
mod tokens;

use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{
    CallId, GroupName, ModelName, Nanos,
    account::{AccountRefusal, Attempt, AttemptOutcome, CallFacts, CallPart, Flag},
    budget::Binding,
    channel::{DisabledBy, key_place},
    price::Usage,
    settings::CallRules,
    trace::TraceContext,
};
use eventlog::Sealer;
use futures_util::future::BoxFuture;
use ledger::{GrantError, Node, NodeClock, NodeError, step::StepError};
use parking_lot::Mutex;
use projections::{Directory, channels::ChannelRow};
use relay::{
    Durable, LedgerError, Priced, Providers, ReserveError, Route, RouteKey, RouteTable, Spent, Tenure,
};

use self::kept::KeptPrices;
pub(crate) use self::{
    accounts::LedgerAccounts, balances::ToldBalances, board::Board, tokens::ControlTokens,
};
use crate::environment::Machine;

/// The node's ledger, as the data plane sees it.
pub(crate) struct NodeLedger(pub(crate) Arc<Node>);

fn failed(error: NodeError) -> LedgerError {
    LedgerError(Box::new(error))
}

fn refused(error: &ledger::ReserveError, call_id: CallId, trace: Option<TraceContext>) -> ReserveError {
    match error {
        ledger::ReserveError::Insufficient(refused) => match refused.refusal() {
            Some(AccountRefusal::Closed) => ReserveError::Closed,
            Some(AccountRefusal::WindowOver) => ReserveError::WindowOver,
            _ => ReserveError::Insufficient,
        },
        ledger::ReserveError::Budget { budget, window, refused } if is_short(refused) => {
            ReserveError::Budget(Spent { budget: *budget, until: window.ends_at })
        }
        // What a stream asked for beside it came after its end.
        ledger::ReserveError::Node(NodeError::Step(StepError::NotOpen(_))) => ReserveError::Unavailable,
        other => {
            let trace_id = trace.map(|context| context.trace_text());
            tracing::warn!(%call_id, trace_id, error = %other, "nothing can be reserved");
            ReserveError::Unavailable
        }
    }
}

/// Anything else that is said of a window is no matter of money: this node's clock is far from the ledger's.
fn is_short(refused: &GrantError) -> bool {
    matches!(refused.refusal(), Some(AccountRefusal::Insufficient { .. }))
}

impl relay::Ledger for NodeLedger {
    fn reserve(
        &self,
        facts: CallFacts,
        budgets: Vec<Binding>,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>> {
        Box::pin(async move {
            let (call_id, trace) = (facts.call_id, facts.trace);
            let reserved = self.0.reserve(facts, &budgets, amount, floor).await;
            reserved.map_err(|error| refused(&error, call_id, trace))
        })
    }

    fn extend(
        &self,
        call: CallPart,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>> {
        Box::pin(async move {
            let extended = self.0.extend(call, amount, floor).await;
            extended.map_err(|error| refused(&error, call.call_id, None))
        })
    }

    fn sent(&self, call: CallPart, attempt: Attempt) -> Result<Durable, LedgerError> {
        let sent = self.0.sent(call, attempt).map_err(failed)?;
        let Some(wait) = sent.into_wait() else { return Ok(Durable::NOW) };
        Ok(Durable::after(Box::pin(async move { wait.await.map_err(failed) })))
    }

    fn attempt_ended(
        &self,
        call: CallPart,
        attempt: u32,
        outcome: AttemptOutcome,
    ) -> Result<(), LedgerError> {
        self.0.attempt_ended(call, attempt, outcome).map_err(failed)
    }

    fn progress(&self, call: CallPart, output_tokens: u64) -> Result<Tenure, LedgerError> {
        match self.0.progress(call, output_tokens).map_err(failed)? {
            ledger::Tenure::Good => Ok(Tenure::Good),
            ledger::Tenure::Outlived => Ok(Tenure::Outlived),
        }
    }

    fn settle(
        &self,
        call: CallPart,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
    ) -> Result<(), LedgerError> {
        self.0.settle(call, usage, amount, flags).map_err(failed)
    }

    fn void(&self, call: CallPart) -> Result<(), LedgerError> {
        self.0.void(call).map_err(failed)
    }
}

/// The log is in the same process: whatever is appended is known at once.
pub(crate) struct WithTheLog;

impl api::Freshness for WithTheLog {
    fn is_current(&self) -> bool {
        true
    }
}

/// The log is elsewhere: what was not heard for long may have been revoked.
pub(crate) struct Heard(pub(crate) Arc<cluster::Freshness>);

impl api::Freshness for Heard {
    fn is_current(&self) -> bool {
        !self.0.stale(NodeClock::boot_ms(&Machine)).callers
    }
}

/// The read models, as the data plane sees them.
pub(crate) struct ReadModels {
    directory: Arc<Directory>,
    providers: Arc<Providers>,
    sealer: Sealer,
    /// The table of the channels' version that stands beside it.
    table: ArcSwap<(u64, Arc<RouteTable>)>,
    building: Mutex<()>,
    prices: KeptPrices,
}

impl ReadModels {
    pub(crate) fn new(directory: Arc<Directory>, providers: Arc<Providers>, sealer: Sealer) -> Self {
        let models = Self {
            directory,
            providers,
            sealer,
            table: ArcSwap::from_pointee((u64::MAX, Arc::new(RouteTable::new(Vec::new())))),
            building: Mutex::new(()),
            prices: KeptPrices::default(),
        };
        models.rebuild();
        models
    }

    /// One builds while the others wait: a table is built once per change of a channel.
    fn rebuild(&self) -> Arc<RouteTable> {
        let _one = self.building.lock();
        let version = self.directory.channels_version();
        let (built, table) = &**self.table.load();
        if *built == version {
            return Arc::clone(table);
        }
        let channels = self.directory.channels();
        // One that its provider refuses stays, to be probed.
        let usable = channels.iter().filter(|channel| channel.disabled != Some(DisabledBy::Admin));
        let table = Arc::new(RouteTable::new(usable.filter_map(|channel| self.route(channel)).collect()));
        self.table.store(Arc::new((version, Arc::clone(&table))));
        table
    }

    /// A channel that cannot be used is left out, and said so: the others go on.
    fn route(&self, channel: &ChannelRow) -> Option<Route> {
        let ChannelRow { channel_id, spec, .. } = channel;
        let Some(provider) = self.providers.find(&spec.provider) else {
            tracing::error!(%channel_id, provider = spec.provider, "a channel's provider is not in the catalogue");
            return None;
        };
        let keys = spec.keys.iter().filter_map(|key| {
            let place = key_place(*channel_id, key.key_id);
            let opened = self.sealer.open(&place, &key.secret).ok().and_then(|key| String::from_utf8(key).ok());
            if opened.is_none() {
                tracing::error!(%channel_id, key_id = %key.key_id, "a channel's key does not open under this master key");
            }
            Some(RouteKey { key_id: key.key_id, secret: opened? })
        });
        let route = Route::new(*channel_id, provider, spec, keys.collect());
        match route {
            Ok(route) if channel.disabled.is_some() => Some(route.disabled()),
            Ok(route) => Some(route),
            Err(error) => {
                tracing::error!(%channel_id, %error, "a channel cannot be used");
                None
            }
        }
    }
}

impl relay::Directory for ReadModels {
    fn price(&self, model: &ModelName, group: &GroupName) -> Option<Arc<Priced>> {
        if let Some(kept) = self.prices.at(self.directory.moment(), model, group) {
            return Some(kept);
        }
        let (moment, pinned, limits) = self.directory.priced_at(model, group)?;
        let priced = Arc::new(Priced {
            pinned,
            control_position: moment.position,
            input_tokens_max: limits.input_tokens_max,
            output_tokens_max: limits.output_tokens_max,
        });
        self.prices.keep(moment, model, group, &priced);
        Some(priced)
    }

    fn routes(&self) -> Arc<RouteTable> {
        let loaded = self.table.load();
        let (built, table) = &**loaded;
        if *built == self.directory.channels_version() { Arc::clone(table) } else { self.rebuild() }
    }

    fn rules(&self, group: &GroupName, model: &ModelName) -> CallRules {
        self.directory.rules(group, model)
    }
}
