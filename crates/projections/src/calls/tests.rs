use std::sync::Arc;

use domain::{
    ApiTokenId, CallId, ChannelKeyId, GroupName, JournalId, Nanos, TimeStamp,
    account::{
        Account, AccountEvent, Attempt, AttemptOutcome, Charge, Correction, Deduction, Flag, Mode,
        Reconciliation,
    },
    price::{Pinned, Usage},
};
use uuid::Uuid;

use super::{CallFilter, CallRow, Calls, list};
use crate::fixtures::{House, account_id, channel_id, model, token_id, user_id};

fn nanos(amount: u64) -> Nanos {
    Nanos::new(amount).unwrap()
}

fn call_id(n: u128) -> CallId {
    CallId(Uuid::from_u128(0x1000 + n))
}

fn attempt(attempt: u32, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        attempt,
        channel_id: channel_id(attempt.into()),
        key_id: ChannelKeyId(Uuid::from_u128(1)),
        upstream_model: model("m"),
        outcome,
    }
}

fn charge(account: u128, amount: u64) -> Charge {
    Charge {
        account_id: account_id(account),
        lease_id: None,
        amount_nanos: nanos(amount),
        freed_nanos: Nanos::ZERO,
        late: false,
        suspense_of: None,
    }
}

/// The call `n` of the user `n % 2`, which costs `n` nanos.
pub(super) fn deduction(n: u64) -> Deduction {
    let user = u128::from(n % 2);
    let second = i64::try_from(n).unwrap() * 1_000_000;
    Deduction {
        call_id: call_id(n.into()),
        part: 0,
        user_id: user_id(user),
        token_id: token_id(user),
        group: GroupName::default_group(),
        model: model("m"),
        mode: Mode::Stream,
        usage: Usage { input_tokens: n, cache_write_tokens: 1, cache_write_1h_tokens: 2, ..Usage::NONE },
        amount_nanos: nanos(n),
        reserved_nanos: nanos(n + 1),
        charges: vec![charge(user, n), charge(9, n)],
        attempts: vec![attempt(1, AttemptOutcome::Unbilled), attempt(2, AttemptOutcome::Billed)],
        pinned: Pinned::default(),
        service_tier: None,
        control_position: 0,
        flags: vec![Flag::Counted],
        journal_id: JournalId(Uuid::from_u128(1)),
        seq: n,
        started_at: TimeStamp::from_micros(second),
        ended_at: TimeStamp::from_micros(second + 1_500_000),
    }
}

/// One nano more to pay, and `refunded` given back.
pub(super) fn back(account: u128, refunded: u64) -> Correction {
    Correction { account_id: account_id(account), posted_nanos: nanos(1), refunded_nanos: nanos(refunded) }
}

/// The call 7, corrected.
pub(super) fn reconciled(corrections: Vec<Correction>) -> AccountEvent {
    let reason = "the provider's bill".into();
    AccountEvent::UsageReconciled(Box::new(Reconciliation {
        call_id: call_id(7),
        part: 0,
        corrections,
        reason,
    }))
}

pub(crate) async fn charged(house: &House, n: u64) -> u64 {
    let event = AccountEvent::QuotaDeducted(Box::new(deduction(n)));
    house.append::<Account>(&account_id(u128::from(n % 2)).to_string(), &[event]).await
}

pub(crate) async fn reached(calls: &Arc<Calls>, position: u64) {
    calls.positions().wait_for(|at| *at >= position).await.unwrap();
}

async fn all(house: &House) -> Vec<CallRow> {
    list(house.log.read_pool(), &CallFilter::default(), None, 100).await.unwrap()
}

#[tokio::test]
async fn a_charged_call_is_listed_with_all_that_is_asked_of_it() {
    let mut house = House::open().await;
    let calls = house.calls().await;
    let position = charged(&house, 7).await;
    reached(&calls, position).await;
    let row = &all(&house).await[0];
    assert_eq!((row.position, row.call_id, row.user_id), (position, call_id(7), user_id(1)));
    assert_eq!((row.account_id, row.channel_id), (Some(account_id(1)), Some(channel_id(2))));
    assert_eq!((row.input_tokens, row.cache_write_tokens), (7, 3));
    assert_eq!((row.amount_nanos, row.reserved_nanos, row.corrected_nanos), (nanos(7), nanos(8), 0));
    assert_eq!((row.mode, row.attempts, row.duration_ms), (Mode::Stream, 2, 1_500));
    assert_eq!(row.flags, [Flag::Counted]);
}

#[tokio::test]
async fn a_correction_changes_the_call_by_what_its_payer_gets_back() {
    let mut house = House::open().await;
    let calls = house.calls().await;
    charged(&house, 6).await;
    charged(&house, 7).await;
    let reconciled = reconciled(vec![back(1, 5), back(9, 500)]);
    let position =
        house.append::<Account>(&account_id(1).to_string(), &[reconciled.clone(), reconciled]).await;
    reached(&calls, position).await;
    let corrected: Vec<_> = all(&house).await.iter().map(|row| (row.call_id, row.corrected_nanos)).collect();
    assert_eq!(corrected, [(call_id(7), -8), (call_id(6), 0)]);
}

#[tokio::test]
async fn a_restart_goes_on_from_the_checkpoint_without_duplicates() {
    let mut house = House::open().await;
    let calls = house.calls().await;
    let position = charged(&house, 1).await;
    reached(&calls, position).await;
    let mut house = house.reopen().await;
    let position = charged(&house, 2).await;
    let calls = house.calls().await;
    assert_eq!(calls.position(), 1);
    reached(&calls, position).await;
    let positions: Vec<_> = all(&house).await.iter().map(|row| row.position).collect();
    assert_eq!(positions, [2, 1]);
}

/// Made to look as if another log had been followed.
async fn rebuilds_after(tampering: &'static str) {
    let mut house = House::open().await;
    let calls = house.calls().await;
    for n in 1..=3 {
        charged(&house, n).await;
    }
    reached(&calls, 3).await;
    let before = all(&house).await;
    let mut house = house.reopen().await;
    house.tamper(tampering).await;
    house
        .tamper("UPDATE calls SET amount_nanos = 99; UPDATE calls SET position = 77 WHERE position = 2")
        .await;
    let position = charged(&house, 4).await;
    let calls = house.calls().await;
    calls.positions().wait_for(|at| *at == position).await.unwrap();
    let after = all(&house).await;
    assert_eq!(after[1..], before);
    assert_eq!(after[0].call_id, call_id(4));
}

#[tokio::test]
async fn a_checkpoint_of_another_event_is_a_fork_and_leads_to_a_rebuild() {
    rebuilds_after("UPDATE checkpoints SET event_id = '00000000-0000-7000-8000-000000000000'").await;
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_a_fork_and_leads_to_a_rebuild() {
    rebuilds_after("UPDATE checkpoints SET log_id = '00000000-0000-7000-8000-000000000000'").await;
}

#[tokio::test]
async fn a_checkpoint_beyond_the_end_of_the_log_is_a_fork_and_leads_to_a_rebuild() {
    rebuilds_after("UPDATE checkpoints SET position = 1000").await;
}

#[tokio::test]
async fn a_page_is_taken_in_once_though_two_read_it() {
    let mut house = House::open().await;
    let (first, second) = (house.calls().await, house.calls().await);
    let position = charged(&house, 7).await;
    reached(&first, position).await;
    reached(&second, position).await;
    // A correction taken in twice shows; the same call listed twice the table would refuse.
    let position = house.append::<Account>(&account_id(1).to_string(), &[reconciled(vec![back(1, 5)])]).await;
    reached(&first, position).await;
    reached(&second, position).await;
    assert_eq!(all(&house).await[0].corrected_nanos, -4);
}

#[tokio::test]
async fn the_usage_log_is_asked_by_whom_when_and_where_newest_first() {
    let mut house = House::open().await;
    let calls = house.calls().await;
    for n in 1..=6 {
        charged(&house, n).await;
    }
    reached(&calls, 6).await;
    let found = async |filter: CallFilter, before, limit| {
        let rows = list(house.log.read_pool(), &filter, before, limit).await.unwrap();
        rows.iter().map(|row| row.position).collect::<Vec<_>>()
    };
    let any = CallFilter::default;
    assert_eq!(found(any(), None, 2).await, [6, 5]);
    assert_eq!(found(any(), Some(5), 2).await, [4, 3]);
    assert_eq!(found(CallFilter { user_id: Some(user_id(1)), ..any() }, None, 9).await, [5, 3, 1]);
    assert_eq!(found(CallFilter { token_id: Some(token_id(0)), ..any() }, None, 9).await, [6, 4, 2]);
    assert_eq!(found(CallFilter { account_id: Some(account_id(1)), ..any() }, Some(5), 9).await, [3, 1]);
    assert_eq!(found(CallFilter { call_id: Some(call_id(4)), ..any() }, None, 9).await, [4]);
    assert_eq!(found(CallFilter { channel_id: Some(channel_id(1)), ..any() }, None, 9).await, [0; 0]);
    assert_eq!(found(CallFilter { model: Some(model("other")), ..any() }, None, 9).await, [0; 0]);
    let (from, to) = (TimeStamp::from_micros(3_500_000), TimeStamp::from_micros(5_500_000));
    let window = CallFilter { from: Some(from), to: Some(to), ..any() };
    assert_eq!(found(window, None, 9).await, [3, 2]);
    let nobody = CallFilter { token_id: Some(ApiTokenId(Uuid::from_u128(1))), ..any() };
    assert_eq!(found(nobody, None, 9).await, [0; 0]);
}
