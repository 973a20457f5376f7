//! How a call that ended is charged to the accounts that pay for it and limit it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, AccountEvent, Attempt, Charge, Correction, Deduction, Extension};
use crate::{
    AccountId, ApiTokenId, CallId, GroupName, JournalId, LeaseId, ModelName, Nanos, TimeStamp, UserId,
    price::{Pinned, Usage},
    trace::TraceContext,
};

/// What stands out about a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The node died before the end was known: settled on what it knew.
    InDoubt,
    /// The lease was closed or reclaimed before the charge arrived.
    Late,
    /// The call cost more than was reserved.
    Overshoot,
    /// The provider stated no usage: it was counted here.
    Counted,
    /// The provider broke the answer off.
    Cut,
    /// The client left before the end.
    ClientLeft,
    /// No attempt answered, yet one may have been billed: the operator's cost, not the customer's.
    Unanswered,
    /// An account was unknown or closed: the suspense account took its charge.
    Suspense,
}

/// Whether the answer was streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In one piece.
    Whole,
    /// As events.
    Stream,
}

/// An account that a call is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Which account.
    pub account_id: AccountId,
    /// The lease that the reservation drew on; `None` where the account is unlimited.
    pub lease_id: Option<LeaseId>,
}

/// One call, or one part of a call that is settled in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallPart {
    /// The call.
    pub call_id: CallId,
    /// Which part, from 0.
    pub part: u32,
}

impl CallPart {
    /// The part that these facts are about.
    pub const fn of(facts: &CallFacts) -> Self {
        Self { call_id: facts.call_id, part: facts.part }
    }
}

/// What is known of a call before it is sent: enough to charge it, whatever happens then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// The call.
    pub call_id: CallId,
    /// Which part of it, from 0: long calls are settled in parts.
    pub part: u32,
    /// Who called.
    pub user_id: UserId,
    /// With which token.
    pub token_id: ApiTokenId,
    /// Every account that is charged; the payer first.
    pub scopes: Vec<Scope>,
    /// The price ratio's group.
    pub group: GroupName,
    /// The model that was asked for: what is priced.
    pub model: ModelName,
    /// The price when the call was reserved.
    pub pinned: Pinned,
    /// The service tier that is priced, where one was asked for.
    pub service_tier: Option<String>,
    /// The control log's position that the node knew when it reserved.
    pub control_position: u64,
    /// Whether the answer was streamed.
    pub mode: Mode,
    /// The input as it was counted here; the provider's count replaces it where there is one.
    pub input_tokens: u64,
    /// What was reserved, extensions included.
    pub reserved: Nanos,
    /// What of it was set aside later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// The trace that it belongs to: its span, or what its client sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// When it came in.
    pub started_at: TimeStamp,
}

/// How a call ended, as its node's journal says it: complete in itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The call.
    pub facts: CallFacts,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// What was used.
    pub usage: Usage,
    /// What it costs.
    pub amount: Nanos,
    /// What stands out.
    pub flags: Vec<Flag>,
    /// When it ended.
    pub ended_at: TimeStamp,
}

impl Account {
    /// What a charge of `amount` on `lease_id` comes to for this account.
    fn charge(&self, account_id: AccountId, lease_id: Option<LeaseId>, amount: Nanos) -> Charge {
        let lease = lease_id.and_then(|id| self.leases.get(&id));
        Charge {
            account_id,
            lease_id,
            amount_nanos: amount,
            freed_nanos: lease.map_or(Nanos::ZERO, |lease| lease.unsettled().min(amount)),
            late: lease_id.is_some() && lease.is_none(),
            suspense_of: None,
        }
    }

    pub(super) fn evolve_charges(&mut self, charges: &[Charge]) {
        let own = self.id();
        for charge in charges.iter().filter(|charge| Some(charge.account_id) == own) {
            self.posted_nanos = self.posted_nanos.saturating_add(charge.amount_nanos.get());
            self.pending_nanos = self.pending_nanos.saturating_sub(charge.freed_nanos.get());
            if let Some(lease) = charge.lease_id.and_then(|id| self.leases.get_mut(&id)) {
                lease.settled = lease.settled.plus(charge.freed_nanos);
            }
        }
    }

    pub(super) fn evolve_corrections(&mut self, corrections: &[Correction]) {
        let own = self.id();
        for correction in corrections.iter().filter(|correction| Some(correction.account_id) == own) {
            self.posted_nanos = self.posted_nanos.saturating_add(correction.posted_nanos.get());
            self.refunded_nanos = self.refunded_nanos.saturating_add(correction.refunded_nanos.get());
        }
    }
}

/// The one terminal event of a call: charges every scope, and never refuses. What an unknown or closed account
/// should have paid stands on the suspense account.
pub fn deduct<'a>(
    settlement: Settlement,
    journal_id: JournalId,
    seq: u64,
    mut find: impl FnMut(AccountId) -> Option<&'a Account>,
) -> AccountEvent {
    let Settlement { facts, attempts, usage, amount, mut flags, ended_at } = settlement;
    let charges: Vec<Charge> = facts
        .scopes
        .iter()
        .flat_map(|scope| match find(scope.account_id).filter(|account| account.is_open()) {
            Some(account) => leased(&facts, scope, amount)
                .into_iter()
                .map(|(lease_id, charged)| account.charge(scope.account_id, lease_id, charged))
                .collect(),
            None => vec![suspended(scope.account_id, amount)],
        })
        .collect();
    flags.extend(charges.iter().any(|charge| charge.late).then_some(Flag::Late));
    flags.extend(charges.iter().any(|charge| charge.suspense_of.is_some()).then_some(Flag::Suspense));
    flags.extend((amount > facts.reserved).then_some(Flag::Overshoot));
    flags.sort_unstable();
    flags.dedup();
    AccountEvent::QuotaDeducted(Box::new(Deduction {
        call_id: facts.call_id,
        part: facts.part,
        user_id: facts.user_id,
        token_id: facts.token_id,
        group: facts.group,
        model: facts.model,
        mode: facts.mode,
        usage,
        amount_nanos: amount,
        reserved_nanos: facts.reserved,
        charges,
        attempts,
        pinned: facts.pinned,
        service_tier: facts.service_tier,
        control_position: facts.control_position,
        flags,
        journal_id,
        seq,
        started_at: facts.started_at,
        ended_at,
    }))
}

/// What is charged to each lease of an account. The first is named even where nothing is.
fn leased(facts: &CallFacts, scope: &Scope, amount: Nanos) -> Vec<(Option<LeaseId>, Nanos)> {
    let mut leases: Vec<(Option<LeaseId>, Nanos)> = Vec::new();
    for portion in facts.portions(scope, amount) {
        match leases.iter().position(|(lease_id, _)| *lease_id == portion.lease_id) {
            Some(known) => leases[known].1 = leases[known].1.plus(portion.charged),
            None if leases.is_empty() || !portion.charged.is_zero() => {
                leases.push((portion.lease_id, portion.charged));
            }
            None => {}
        }
    }
    leases
}

const fn suspended(account_id: AccountId, amount: Nanos) -> Charge {
    Charge {
        account_id: AccountId::SUSPENSE,
        lease_id: None,
        amount_nanos: amount,
        freed_nanos: Nanos::ZERO,
        late: false,
        suspense_of: Some(account_id),
    }
}
