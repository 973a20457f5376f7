//! A sample of each event.

use uuid::Uuid;

use super::{
    AccountEvent, Adjustment, Attempt, AttemptOutcome, Charge, Correction, Deduction, Flag, LeaseEnd, Limit,
    Mode, Owner, Reconciliation,
};
use crate::{
    AccountId, ApiTokenId, CallId, ChannelId, ChannelKeyId, GroupName, JournalId, LeaseId, ModelName, Nanos,
    TimeStamp, UserId,
    price::{Pinned, Usage},
};

const ACCOUNT: AccountId = AccountId(Uuid::from_u128(2));
const LEASE: LeaseId = LeaseId(Uuid::from_u128(8));
const JOURNAL: JournalId = JournalId(Uuid::from_u128(9));

pub(super) fn all() -> Vec<AccountEvent> {
    let amount_nanos = Nanos::from_dollars(1);
    let reason = String::from("first payment");
    vec![
        AccountEvent::Opened {
            account_id: ACCOUNT,
            owner: Owner::User(UserId(Uuid::from_u128(1))),
            limit: Limit::CreditNanos(amount_nanos),
        },
        AccountEvent::Deposited { amount_nanos, reason: reason.clone() },
        AccountEvent::Adjusted { adjustment: Adjustment::Chargeback, amount_nanos, reason: reason.clone() },
        AccountEvent::LimitChanged { limit: Limit::Unlimited },
        AccountEvent::Closed {},
        AccountEvent::Reopened {},
        AccountEvent::QuotaLeased { lease_id: LEASE, journal_id: JOURNAL, amount_nanos, ttl_ms: 60_000 },
        AccountEvent::LeaseReleased { lease_id: LEASE, freed_nanos: amount_nanos },
        AccountEvent::LeaseClosed { lease_id: LEASE, freed_nanos: amount_nanos, end: LeaseEnd::Returned },
        AccountEvent::UsageReconciled(Box::new(Reconciliation {
            call_id: CallId(Uuid::from_u128(10)),
            part: 0,
            corrections: vec![Correction {
                account_id: ACCOUNT,
                posted_nanos: Nanos::ZERO,
                refunded_nanos: amount_nanos,
            }],
            reason,
        })),
    ]
    .into_iter()
    .chain(deducted())
    .collect()
}

fn deducted() -> Option<AccountEvent> {
    let model = ModelName::new("gpt-4o-mini").ok()?;
    let at = TimeStamp::from_micros(1_795_000_000_000_001);
    let amount_nanos = Nanos::saturating(12_345);
    Some(AccountEvent::QuotaDeducted(Box::new(Deduction {
        call_id: CallId(Uuid::from_u128(10)),
        part: 0,
        user_id: UserId(Uuid::from_u128(1)),
        token_id: ApiTokenId(Uuid::from_u128(3)),
        group: GroupName::default_group(),
        model: model.clone(),
        mode: Mode::Stream,
        usage: Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() },
        amount_nanos,
        reserved_nanos: Nanos::saturating(20_000),
        charges: vec![Charge {
            account_id: ACCOUNT,
            lease_id: Some(LEASE),
            amount_nanos,
            freed_nanos: amount_nanos,
            late: false,
            suspense_of: None,
        }],
        attempts: vec![Attempt {
            attempt: 1,
            channel_id: ChannelId(Uuid::from_u128(4)),
            key_id: ChannelKeyId(Uuid::from_u128(5)),
            upstream_model: model,
            outcome: AttemptOutcome::Billed,
        }],
        pinned: Pinned::default(),
        service_tier: None,
        control_position: 17,
        flags: vec![Flag::Counted],
        journal_id: JOURNAL,
        seq: 42,
        started_at: at,
        ended_at: at.plus_ms(250),
    })))
}
