//! One entry of an account's ledger.

use domain::{
    AccountId, CallId, ModelName, TimeStamp,
    account::{AccountEvent, Adjustment, Deduction, Reconciliation},
};
use eventlog::{Recorded, decode};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::view::LimitView;
use crate::{permission::Reach, problem::Problem};

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LedgerEntryKind)]
pub(crate) enum EntryKind {
    /// The account was opened.
    #[default]
    Opened,
    /// Money was paid in.
    Deposit,
    /// It was corrected upwards.
    Credit,
    /// It was corrected downwards.
    Debit,
    /// Money was taken back from us.
    Chargeback,
    /// A call was charged.
    Charge,
    /// What a call was charged was corrected.
    Correction,
    /// How far it may be drawn was set anew.
    LimitChanged,
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
}

/// Something that happened to an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub(crate) struct EntryView {
    /// Where its event stands in the ledger log.
    position: u64,
    #[serde(skip)]
    version: u64,
    kind: EntryKind,
    /// What it did to what is available: negative where that became less; 0 where no money moved.
    amount_nanos: i64,
    #[schema(value_type = String, format = DateTime)]
    recorded_at: TimeStamp,
    /// Why, for people, where someone said so.
    #[schema(required = true)]
    reason: Option<String>,
    /// The call that was charged or corrected.
    #[schema(value_type = Option<Uuid>, required = true)]
    call_id: Option<CallId>,
    /// The model of the call that was charged.
    #[schema(value_type = Option<String>, required = true)]
    model: Option<ModelName>,
    /// How far it may be drawn since then.
    #[schema(required = true)]
    limit: Option<LimitView>,
    /// Who asked for it, as events name them; `null` for whoever may not know.
    #[schema(required = true, example = "usr_0199…")]
    actor: Option<String>,
}

impl EntryView {
    /// `None` for what is no entry, such as the leases of nodes.
    pub(super) fn of(event: &Recorded, id: AccountId, reach: Reach) -> Result<Option<Self>, Problem> {
        let Some(told) = Told::of(decode(event)?, id) else { return Ok(None) };
        Ok(Some(Self {
            position: event.position,
            version: event.version,
            kind: told.kind,
            amount_nanos: told.amount_nanos,
            recorded_at: event.recorded_at,
            reason: told.reason,
            call_id: told.call_id,
            model: told.model,
            limit: told.limit,
            actor: if reach == Reach::All { actor(event)? } else { None },
        }))
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }
}

fn actor(event: &Recorded) -> Result<Option<String>, Problem> {
    let metadata: eventlog::Metadata = serde_json::from_str(&event.metadata)?;
    Ok(metadata.actor)
}

/// What an event tells of one account.
#[derive(Default)]
struct Told {
    kind: EntryKind,
    amount_nanos: i64,
    reason: Option<String>,
    call_id: Option<CallId>,
    model: Option<ModelName>,
    limit: Option<LimitView>,
}

impl Told {
    fn of(event: AccountEvent, id: AccountId) -> Option<Self> {
        Some(match event {
            AccountEvent::Opened { limit, .. } => Self { limit: Some(limit.into()), ..Self::default() },
            AccountEvent::Deposited { amount_nanos, reason } => {
                Self::moved(EntryKind::Deposit, signed(amount_nanos.get()), reason)
            }
            AccountEvent::Adjusted { adjustment, amount_nanos, reason } => {
                let amount = signed(amount_nanos.get());
                match adjustment {
                    Adjustment::Credit => Self::moved(EntryKind::Credit, amount, reason),
                    Adjustment::Debit => Self::moved(EntryKind::Debit, -amount, reason),
                    Adjustment::Chargeback => Self::moved(EntryKind::Chargeback, -amount, reason),
                }
            }
            AccountEvent::LimitChanged { limit } => {
                Self { kind: EntryKind::LimitChanged, limit: Some(limit.into()), ..Self::default() }
            }
            AccountEvent::Closed {} => Self { kind: EntryKind::Closed, ..Self::default() },
            AccountEvent::Reopened {} => Self { kind: EntryKind::Reopened, ..Self::default() },
            AccountEvent::QuotaDeducted(call) => Self::charged(*call, id),
            AccountEvent::UsageReconciled(correction) => Self::corrected(*correction, id),
            // What nodes hold for a while is pending, and no entry.
            _ => return None,
        })
    }

    fn moved(kind: EntryKind, amount_nanos: i64, reason: String) -> Self {
        Self { kind, amount_nanos, reason: Some(reason), ..Self::default() }
    }

    fn charged(call: Deduction, id: AccountId) -> Self {
        let charges = call.charges.iter().filter(|charge| charge.account_id == id);
        let amount: i64 = charges.map(|charge| signed(charge.amount_nanos.get())).sum();
        let (call_id, model) = (Some(call.call_id), Some(call.model));
        Self { kind: EntryKind::Charge, amount_nanos: -amount, call_id, model, ..Self::default() }
    }

    fn corrected(correction: Reconciliation, id: AccountId) -> Self {
        let own = correction.corrections.iter().filter(|own| own.account_id == id);
        let amount_nanos =
            own.map(|own| signed(own.refunded_nanos.get()) - signed(own.posted_nanos.get())).sum();
        let (call_id, reason) = (Some(correction.call_id), Some(correction.reason));
        Self { kind: EntryKind::Correction, amount_nanos, reason, call_id, ..Self::default() }
    }
}

/// Amounts are far below 2⁶³.
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}
