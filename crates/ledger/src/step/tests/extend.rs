//! Calls that outgrow what was set aside for them.

use domain::account::{EXTENSIONS_MAX, Scope};

use super::*;
use crate::fixtures::LIMIT;

fn extend(n: u128, amount: u64, floor: u64, now_ms: u64) -> Input {
    Input::Extend { call: whole(n), amount: nanos(amount), floor: nanos(floor), now_ms }
}

#[test]
fn a_call_is_extended_on_the_lease_at_hand() {
    let mut state = with([granted(1, 100), reserve(1, 60, 60, 1)]);
    let output = state.step(extend(1, 30, 30, 2)).unwrap();
    assert_eq!(output.reply, Reply::Reserved(nanos(30)));
    let [Record::Extend { call, extension }] = &output.records[..] else { panic!("{output:?}") };
    assert_eq!((*call, extension.amount), (whole(1), nanos(30)));
    assert_eq!(extension.scopes, [Scope { account_id: PAYER, lease_id: Some(lease(1)) }]);
    assert!(is_short(&reply(&mut state, extend(1, 20, 20, 2))));
    assert_eq!(reply(&mut state, extend(1, 20, 5, 2)), Reply::Reserved(nanos(10)));
    state.step(settle(1, 95)).unwrap();
    assert_eq!(reply(&mut state, reserve(2, 5, 5, 3)), Reply::Reserved(nanos(5)));
    assert!(is_short(&reply(&mut state, reserve(3, 1, 1, 3))));
}

#[test]
fn an_extension_on_another_lease_is_charged_to_that_lease() {
    let mut state = with([granted(1, 60), reserve(1, 60, 60, 1), granted(2, 50)]);
    assert_eq!(reply(&mut state, extend(1, 40, 40, 2)), Reply::Reserved(nanos(40)));
    let records = state.step(settle(1, 70)).unwrap().records;
    let [Record::Settle(settlement)] = &records[..] else { panic!("{records:?}") };
    assert_eq!((settlement.facts.reserved, settlement.facts.extensions.len()), (nanos(100), 1));
    // Ten of the second lease were used: forty are left of it, and nothing of the first.
    assert_eq!(reply(&mut state, reserve(2, 50, 1, 3)), Reply::Reserved(nanos(40)));
    assert!(is_short(&reply(&mut state, reserve(3, 1, 1, 3))));
}

#[test]
fn a_lease_that_only_an_extension_draws_on_is_not_closed_before_its_call_ends() {
    let mut state = with([granted(1, 60), reserve(1, 60, 60, 1), granted(2, 40), extend(1, 40, 40, 2)]);
    assert_eq!(state.step(Input::Recall { accounts: vec![PAYER] }).unwrap().records, []);
    state.step(settle(1, 100)).unwrap();
    let close = |n| Record::Close { account_id: PAYER, lease_id: lease(n) };
    assert_eq!(state.step(Input::Recall { accounts: vec![PAYER] }).unwrap().records, [close(1), close(2)]);
}

#[test]
fn a_call_is_extended_on_every_account_or_on_none() {
    let limit = Grant::Leased { account_id: LIMIT, lease_id: lease(9), amount: nanos(70), usable_ms: 50_000 };
    let mut state = with([granted(1, 100), Input::Granted { grants: vec![limit], asked_ms: 0 }]);
    let mut both = facts(1, 0);
    both.scopes = [PAYER, LIMIT].map(|account_id| Scope { account_id, lease_id: None }).to_vec();
    let (amount, floor) = (nanos(60), nanos(60));
    state.step(Input::Reserve { facts: Box::new(both), amount, floor, now_ms: 1 }).unwrap();
    let Reply::Short(short) = reply(&mut state, extend(1, 20, 20, 1)) else { panic!("not short") };
    assert_eq!(short.iter().map(|short| short.account_id).collect::<Vec<_>>(), [LIMIT]);
    assert_eq!(reply(&mut state, reserve(2, 40, 40, 1)), Reply::Reserved(nanos(40)), "nothing was held");
}

#[test]
fn neither_an_expired_lease_nor_one_that_was_recalled_extends_a_call() {
    let mut state = with([granted(1, 100), reserve(1, 60, 60, 1)]);
    assert!(!state.has_outlived_a_lease(whole(1), 49_999));
    assert!(state.has_outlived_a_lease(whole(1), 50_000));
    assert!(is_short(&reply(&mut state, extend(1, 10, 10, 50_000))));
    state.step(Input::Recall { accounts: vec![PAYER] }).unwrap();
    assert!(is_short(&reply(&mut state, extend(1, 10, 10, 2))));
    state.step(settle(1, 60)).unwrap();
}

#[test]
fn an_extension_that_could_not_be_written_down_is_room_again() {
    let mut state = with([granted(1, 100), reserve(1, 60, 60, 1), extend(1, 40, 40, 2)]);
    state.retract(whole(1));
    assert_eq!(reply(&mut state, reserve(2, 40, 40, 3)), Reply::Reserved(nanos(40)));
    let records = state.step(settle(1, 60)).unwrap().records;
    let [Record::Settle(settlement)] = &records[..] else { panic!("{records:?}") };
    assert_eq!((settlement.facts.reserved, &settlement.facts.extensions[..]), (nanos(60), &[][..]));
}

#[test]
fn a_call_is_extended_so_often_and_no_more() {
    let mut state = with([granted(1, 100), reserve(1, 1, 1, 1)]);
    for _ in 0..EXTENSIONS_MAX {
        assert_eq!(reply(&mut state, extend(1, 1, 1, 1)), Reply::Reserved(nanos(1)));
    }
    assert_eq!(state.step(extend(1, 1, 1, 1)).unwrap_err(), StepError::Extended(whole(1)));
    assert_eq!(state.step(extend(2, 1, 1, 1)).unwrap_err(), StepError::NotOpen(whole(2)));
}

#[test]
fn a_crash_settles_an_extended_call_at_no_more_than_all_that_was_set_aside() {
    let mut state = with([granted(1, 200)]);
    let records: Vec<Record> = [
        reserve(1, 100, 100, 1),
        Input::Sent { call: whole(1), attempt: attempt(1, AttemptOutcome::Unknown) },
        Input::Progress { call: whole(1), output_tokens: 5_000 },
        extend(1, 30, 30, 2),
    ]
    .into_iter()
    .flat_map(|input| state.step(input).unwrap().records)
    .collect();
    assert_eq!(in_doubt(&replayed(records.clone(), "boot")), (nanos(130), 5_000));
    // Written down once more, it says so by itself, and after the first time too.
    state.was_written(whole(1), 1);
    let (_, again) = state.expiring(1).remove(0);
    assert_eq!(in_doubt(&replayed(again.clone(), "boot")), (nanos(130), 5_000));
    assert_eq!(in_doubt(&replayed(records.into_iter().chain(again), "boot")), (nanos(130), 5_000));
}

#[test]
fn a_clock_that_is_set_back_during_a_call_makes_it_end_when_it_began() {
    let mut facts = facts(1, 0);
    facts.started_at = TimeStamp::from_micros(5_000);
    let (amount, floor) = (nanos(10), nanos(10));
    let mut state =
        with([granted(1, 100), Input::Reserve { facts: Box::new(facts), amount, floor, now_ms: 1 }]);
    let records = state.step(settle(1, 5)).unwrap().records;
    let [Record::Settle(settlement)] = &records[..] else { panic!("{records:?}") };
    assert_eq!(settlement.ended_at, TimeStamp::from_micros(5_000));
}
