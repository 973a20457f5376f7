//! What happened to an account, as it is stored.

mod samples;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Flag, Limit, Mode, Owner};
use crate::{
    AccountId, ApiTokenId, CallId, ChannelId, ChannelKeyId, GroupName, JournalId, LeaseId, ModelName, Nanos,
    StoredEvent, TimeStamp, UserId,
    price::{Pinned, Usage},
};

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum AccountEvent {
    /// It was opened.
    #[serde(rename = "account_opened")]
    Opened {
        /// Its id.
        account_id: AccountId,
        /// Whose it is.
        owner: Owner,
        /// How far it may be drawn.
        limit: Limit,
    },
    /// Money was paid in.
    #[serde(rename = "account_deposited")]
    Deposited {
        /// How much.
        amount_nanos: Nanos,
        /// Why, for people.
        reason: String,
    },
    /// What stood on it was corrected.
    #[serde(rename = "account_adjusted")]
    Adjusted {
        /// Which way.
        adjustment: Adjustment,
        /// How much.
        amount_nanos: Nanos,
        /// Why, for people.
        reason: String,
    },
    /// It may be drawn so far from now on.
    #[serde(rename = "account_limit_changed")]
    LimitChanged {
        /// How far.
        limit: Limit,
    },
    /// It takes no more leases and deposits.
    #[serde(rename = "account_closed")]
    Closed {},
    /// It takes leases and deposits again.
    #[serde(rename = "account_reopened")]
    Reopened {},
    /// A node may spend so much of it.
    #[serde(rename = "quota_leased")]
    QuotaLeased {
        /// Names the lease.
        lease_id: LeaseId,
        /// Whose journal spends it.
        journal_id: JournalId,
        /// How much.
        amount_nanos: Nanos,
        /// How long, in milliseconds.
        ttl_ms: u64,
    },
    /// A node gave back a part of a lease.
    #[serde(rename = "lease_released")]
    LeaseReleased {
        /// Names the lease.
        lease_id: LeaseId,
        /// How much is available again.
        freed_nanos: Nanos,
    },
    /// A lease ended.
    #[serde(rename = "lease_closed")]
    LeaseClosed {
        /// Names the lease.
        lease_id: LeaseId,
        /// How much is available again.
        freed_nanos: Nanos,
        /// Who ended it.
        end: LeaseEnd,
    },
    /// A call was charged: its one terminal event.
    #[serde(rename = "quota_deducted")]
    QuotaDeducted(Box<Deduction>),
    /// What a call was charged was corrected.
    #[serde(rename = "usage_reconciled")]
    UsageReconciled(Box<Reconciliation>),
}

/// Which way an adjustment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// More is available.
    Credit,
    /// Less is available; never more than there is.
    Debit,
    /// Money was taken back from us: less is available, whatever that leaves.
    Chargeback,
}

/// Who ended a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaseEnd {
    /// Its node gave it back.
    Returned,
    /// Its node was not heard of again in time.
    Reclaimed,
}

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The provider provably bills nothing for it.
    Unbilled,
    /// It answered.
    Billed,
    /// It may have billed: the operator's, not the customer's.
    Unknown,
}

/// One try of a call at one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Counts from 1.
    pub attempt: u32,
    /// Where it went.
    pub channel_id: ChannelId,
    /// With which key.
    pub key_id: ChannelKeyId,
    /// The model as the provider calls it.
    pub upstream_model: ModelName,
    /// What came of it.
    pub outcome: AttemptOutcome,
}

/// What one account pays of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Charge {
    /// Which account.
    pub account_id: AccountId,
    /// The lease it was drawn on; absent where nothing limits the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<LeaseId>,
    /// How much was posted.
    pub amount_nanos: Nanos,
    /// How much of the lease is no longer pending.
    pub freed_nanos: Nanos,
    /// Whether the lease had ended before.
    pub late: bool,
    /// The account that should have paid, where the suspense account did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspense_of: Option<AccountId>,
}

/// A call and what it was charged: anyone can recompute the amount from this alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deduction {
    /// The call.
    pub call_id: CallId,
    /// Which part of it, from 0.
    pub part: u32,
    /// Who called.
    pub user_id: UserId,
    /// With which token.
    pub token_id: ApiTokenId,
    /// The group whose ratio applied.
    pub group: GroupName,
    /// The model that was asked for.
    pub model: ModelName,
    /// Whether the answer was streamed.
    pub mode: Mode,
    /// What was used.
    pub usage: Usage,
    /// What it cost.
    pub amount_nanos: Nanos,
    /// What had been reserved for it.
    pub reserved_nanos: Nanos,
    /// Who pays; the payer first.
    pub charges: Vec<Charge>,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// The price when it was reserved.
    pub pinned: Pinned,
    /// The service tier that was priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// The control log's position under which it was priced.
    pub control_position: u64,
    /// What stands out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The journal that recorded its end.
    pub journal_id: JournalId,
    /// Where in that journal.
    pub seq: u64,
    /// When it came in.
    pub started_at: TimeStamp,
    /// When it ended.
    pub ended_at: TimeStamp,
}

/// What one account gets back or pays more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// Which account.
    pub account_id: AccountId,
    /// More to pay.
    pub posted_nanos: Nanos,
    /// Given back.
    pub refunded_nanos: Nanos,
}

/// A correction of what a call was charged: a new fact, never an edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciliation {
    /// The call.
    pub call_id: CallId,
    /// Which part of it.
    pub part: u32,
    /// What each account gets back or pays more.
    pub corrections: Vec<Correction>,
    /// Why, for people.
    pub reason: String,
}

impl AccountEvent {
    /// Every account whose sums this changes, where it stands in the stream of `own`. May name one twice.
    pub fn touched(&self, own: AccountId) -> impl Iterator<Item = AccountId> {
        let (charges, corrections): (&[Charge], &[Correction]) = match self {
            Self::QuotaDeducted(deduction) => (&deduction.charges, &[]),
            Self::UsageReconciled(reconciliation) => (&[], &reconciliation.corrections),
            _ => (&[], &[]),
        };
        let own = (charges.is_empty() && corrections.is_empty()).then_some(own);
        own.into_iter()
            .chain(charges.iter().map(|charge| charge.account_id))
            .chain(corrections.iter().map(|correction| correction.account_id))
    }
}

impl StoredEvent for AccountEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "account_opened",
            Self::Deposited { .. } => "account_deposited",
            Self::Adjusted { .. } => "account_adjusted",
            Self::LimitChanged { .. } => "account_limit_changed",
            Self::Closed {} => "account_closed",
            Self::Reopened {} => "account_reopened",
            Self::QuotaLeased { .. } => "quota_leased",
            Self::LeaseReleased { .. } => "lease_released",
            Self::LeaseClosed { .. } => "lease_closed",
            Self::QuotaDeducted(_) => "quota_deducted",
            Self::UsageReconciled(_) => "usage_reconciled",
        }
    }

    fn read(payload: &str) -> serde_json::Result<Self> {
        // Every call has one of these, and an enum that a member tells is read twice: once to find that member.
        if payload.starts_with(r#"{"type":"quota_deducted","#) {
            return Ok(Self::QuotaDeducted(serde_json::from_str(payload)?));
        }
        serde_json::from_str(payload)
    }

    fn samples() -> Vec<Self> {
        samples::all()
    }
}
