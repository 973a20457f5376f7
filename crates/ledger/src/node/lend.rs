//! Reserving: from what is leased, else from what the ledger grants.

use std::time::Duration;

use domain::{
    AccountId, LeaseId, Nanos,
    account::{AccountRefusal, CallFacts, CallPart},
};
use tokio::sync::Mutex;

use super::{Node, NodeError, ReserveError, denial::Denials, windows::Windows};
use crate::{
    port::{Ask, GrantError, ScopeAsk},
    record::Record,
    step::{Input, Reply, Shortage},
};

/// How often a call asks again when others take what was granted.
const TRIES_MAX: usize = 8;
const LANES: usize = 64;

/// Calls of one account ask the ledger one after the other: what the first is granted may do for the rest.
pub(super) struct Lending {
    lanes: [Mutex<()>; LANES],
    pub(super) recall_max: Duration,
    pub(super) denials: Denials,
}

impl Lending {
    pub(super) fn new(recall_max: Duration) -> Self {
        Self { lanes: std::array::from_fn(|_| Mutex::new(())), recall_max, denials: Denials::default() }
    }

    fn lane(&self, account_id: AccountId) -> &Mutex<()> {
        let lane = usize::from(account_id.0.as_bytes()[15]) % LANES;
        &self.lanes[lane]
    }
}

impl Node {
    /// Sets quota aside for a call and says so in the journal.
    pub(super) async fn set_aside(
        &self,
        facts: &CallFacts,
        windows: &Windows,
        amount: Nanos,
        floor: Nanos,
    ) -> Result<Nanos, ReserveError> {
        self.admits()?;
        let payer = facts.scopes.first().map_or(AccountId::SUSPENSE, |scope| scope.account_id);
        self.lend(payer, windows, amount, floor, |least| self.reserve_here(facts.clone(), amount, least))
            .await
    }

    /// Sets more aside for a call that outgrows what was: `amount`, or what can be had of it down to `floor`.
    ///
    /// # Errors
    /// When there is too little, the ledger is away, or nothing can be written down: what was set aside before stands.
    pub async fn extend(&self, call: CallPart, amount: Nanos, floor: Nanos) -> Result<Nanos, ReserveError> {
        self.admits()?;
        let payer = self.inner.lock().state.payer(call).unwrap_or(AccountId::SUSPENSE);
        // Its windows were opened when it was reserved.
        let windows = Windows::default();
        self.lend(payer, &windows, amount, floor, |least| self.extend_here(call, amount, least)).await
    }

    /// Has `hold` done, which takes `amount`, or what there is down to what it is given: from the leases at hand, else
    /// from what the ledger grants.
    async fn lend(
        &self,
        payer: AccountId,
        windows: &Windows,
        amount: Nanos,
        floor: Nanos,
        hold: impl Fn(Nanos) -> Result<Reply, NodeError> + Send + Sync,
    ) -> Result<Nanos, ReserveError> {
        // All of it first: less is only taken once the ledger has said that there is no more.
        let short = match hold(amount)? {
            Reply::Reserved(reserved) => return Ok(reserved),
            Reply::Short(short) => short,
            Reply::Done => return Err(ReserveError::Contended),
        };
        if let Some(refused) = self.denied(&short, floor) {
            return last_resort(&hold, floor, refused);
        }
        // Apart: most calls need none of it, and need not carry it about.
        Box::pin(self.lend_in_turn(payer, windows, amount, floor, &hold)).await
    }

    async fn lend_in_turn(
        &self,
        payer: AccountId,
        windows: &Windows,
        amount: Nanos,
        floor: Nanos,
        hold: &(impl Fn(Nanos) -> Result<Reply, NodeError> + Send + Sync),
    ) -> Result<Nanos, ReserveError> {
        let _turn = self.lending.lane(payer).lock().await;
        let mut recalled = false;
        let mut least = amount;
        for _ in 0..TRIES_MAX {
            let short = match hold(least)? {
                Reply::Reserved(reserved) => return Ok(reserved),
                Reply::Short(short) => short,
                Reply::Done => return Err(ReserveError::Contended),
            };
            // Whoever had the turn before may have been refused.
            if let Some(refused) = self.denied(&short, floor) {
                return last_resort(hold, floor, refused);
            }
            match self.borrow(&short, windows, amount, least).await {
                Ok(()) => {}
                // Idle quota goes home first; then what there is will do.
                Err(GrantError::Refused { .. })
                    if !recalled && (self.recall(&short).await? || floor < least) =>
                {
                    recalled = true;
                    least = floor;
                }
                Err(refused) => return last_resort(hold, floor, refused),
            }
        }
        Err(ReserveError::Contended)
    }

    fn denied(&self, short: &[Shortage], floor: Nanos) -> Option<GrantError> {
        self.lending.denials.of(short, floor, self.port.head(), self.clock.boot_ms())
    }

    async fn borrow(
        &self,
        short: &[Shortage],
        windows: &Windows,
        need: Nanos,
        floor: Nanos,
    ) -> Result<(), GrantError> {
        self.settle_inherited().await?;
        let ask = |shortage: &Shortage| ScopeAsk {
            account_id: shortage.account_id,
            lease_id: self.clock.lease_id(),
            need,
            floor,
            rate: shortage.rate,
            budget: windows.budget_of(shortage.account_id),
        };
        let scopes: Vec<ScopeAsk> = short.iter().map(ask).collect();
        let leases = scopes.iter().map(|scope| (scope.account_id, scope.lease_id)).collect();
        let asked = Asked { node: self, leases };
        // Counted from before it is asked: the ledger counts from after.
        let asked_ms = self.clock.boot_ms();
        let asking = self.lending.denials.asking();
        let grants = match self.port.grant(Ask { journal_id: self.journal_id(), scopes }).await {
            Err(unknown @ GrantError::Unavailable(_)) => return Err(unknown),
            Err(GrantError::Refused { account_id, refusal }) => {
                asked.answered();
                let budget = windows.budget_of(account_id);
                if budget.is_none() || !may_be_unopened(&refusal) {
                    asking.refused(account_id, &refusal, floor, self.clock.boot_ms());
                }
                return Err(GrantError::Refused { account_id, refusal });
            }
            Ok(grants) => {
                asked.answered();
                grants
            }
        };
        let granted = self.take(Input::Granted { grants, asked_ms });
        granted.map(drop).map_err(|error| GrantError::Unavailable(error.to_string()))
    }

    /// Gives back what no call needs of these accounts and waits until the ledger has it; `false` where there was nothing.
    async fn recall(&self, short: &[Shortage]) -> Result<bool, ReserveError> {
        let accounts = short.iter().map(|shortage| shortage.account_id).collect();
        let before = self.inner.lock().journal.seq();
        self.take(Input::Recall { accounts })?;
        let after = self.inner.lock().journal.seq();
        Ok(after > before && self.upload_until(after).await)
    }
}

/// Whether a window may not have been opened yet, since nothing was taken of it: what its budget says next then stands in
/// no account's stream, and would not be heeded.
const fn may_be_unopened(refusal: &AccountRefusal) -> bool {
    !matches!(refusal, AccountRefusal::Insufficient { available_nanos: ..=-1, .. })
}

/// What the leases at hand still hold, when the ledger gives nothing.
fn last_resort(
    hold: &(impl Fn(Nanos) -> Result<Reply, NodeError> + Send + Sync),
    floor: Nanos,
    refused: GrantError,
) -> Result<Nanos, ReserveError> {
    match hold(floor)? {
        Reply::Reserved(reserved) => Ok(reserved),
        Reply::Short(_) | Reply::Done => Err(match refused {
            GrantError::Refused { .. } => ReserveError::Insufficient(refused),
            GrantError::Unavailable(_) => ReserveError::Ledger(refused),
        }),
    }
}

/// Leases that were asked for. Where no answer came, because the ledger was away or because the caller left, they may
/// have been granted: they are given back unseen, for nobody else knows of them.
struct Asked<'a> {
    node: &'a Node,
    leases: Vec<(AccountId, LeaseId)>,
}

impl Asked<'_> {
    fn answered(mut self) {
        self.leases.clear();
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        for (account_id, lease_id) in self.leases.drain(..) {
            let closed = self.node.inner.lock().write(Record::Close { account_id, lease_id });
            if let Err(error) = closed {
                tracing::error!(%error, %lease_id, "a lease that may have been granted was not given back");
            }
        }
    }
}
