//! What a node does with the quota it holds.

mod anything;
mod extend;

use domain::{
    ChannelId, ChannelKeyId, ModelName, Nanos, TimeStamp,
    account::{Attempt, AttemptOutcome, Flag},
    price::Usage,
};
use uuid::Uuid;

use super::{Grant, Input, NodeState, Output, Replay, Reply, StepError};
use crate::{
    fixtures::{PAYER, facts, lease, nanos, whole},
    record::Record,
};

fn attempt(number: u32, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        attempt: number,
        channel_id: ChannelId(Uuid::from_u128(4)),
        key_id: ChannelKeyId(Uuid::from_u128(5)),
        upstream_model: ModelName::new("m").unwrap(),
        outcome,
    }
}

fn granted(n: u128, amount: u64) -> Input {
    granted_at(n, amount, 0)
}

fn granted_at(n: u128, amount: u64, asked_ms: u64) -> Input {
    let grant =
        Grant::Leased { account_id: PAYER, lease_id: lease(n), amount: nanos(amount), usable_ms: 50_000 };
    Input::Granted { grants: vec![grant], asked_ms }
}

fn reserve(n: u128, amount: u64, floor: u64, now_ms: u64) -> Input {
    let mut facts = facts(n, 0);
    facts.scopes[0].lease_id = None;
    Input::Reserve { facts: Box::new(facts), amount: nanos(amount), floor: nanos(floor), now_ms }
}

fn settle(n: u128, amount: u64) -> Input {
    Input::Settle {
        call: whole(n),
        usage: Box::new(Usage { input_tokens: amount, ..Usage::default() }),
        amount: nanos(amount),
        flags: Vec::new(),
        ended_at: TimeStamp::default(),
    }
}

fn with(inputs: impl IntoIterator<Item = Input>) -> NodeState {
    let mut state = NodeState::default();
    for input in inputs {
        state.step(input).unwrap();
    }
    state
}

fn reply(state: &mut NodeState, input: Input) -> Reply {
    state.step(input).unwrap().reply
}

fn is_short(reply: &Reply) -> bool {
    matches!(reply, Reply::Short(_))
}

#[test]
fn what_is_reserved_cannot_be_reserved_again() {
    let mut state = with([granted(1, 100)]);
    assert_eq!(reply(&mut state, reserve(1, 60, 60, 1)), Reply::Reserved(nanos(60)));
    assert!(is_short(&reply(&mut state, reserve(2, 60, 60, 1))));
    assert_eq!(reply(&mut state, reserve(3, 40, 40, 1)), Reply::Reserved(nanos(40)));
}

#[test]
fn a_reservation_names_the_lease_it_drew_on() {
    let mut state = with([granted(7, 100)]);
    let output = state.step(reserve(1, 60, 60, 1)).unwrap();
    let [Record::Reserve(facts)] = &output.records[..] else { panic!("{output:?}") };
    assert_eq!((facts.scopes[0].lease_id, facts.reserved), (Some(lease(7)), nanos(60)));
}

#[test]
fn a_call_that_can_make_do_with_less_takes_what_there_is() {
    let mut state = with([granted(1, 50)]);
    assert_eq!(reply(&mut state, reserve(1, 100, 30, 1)), Reply::Reserved(nanos(50)));
    assert!(is_short(&reply(&mut state, reserve(2, 100, 30, 1))));
}

#[test]
fn what_a_call_did_not_use_is_room_again() {
    let mut state = with([granted(1, 100), reserve(1, 100, 100, 1), settle(1, 30)]);
    assert_eq!(reply(&mut state, reserve(2, 70, 70, 1)), Reply::Reserved(nanos(70)));
    assert!(is_short(&reply(&mut state, reserve(3, 1, 1, 1))));
}

#[test]
fn an_expired_lease_takes_no_new_calls_and_closes_after_its_last() {
    let mut state = with([granted(1, 100), reserve(1, 10, 10, 1)]);
    assert!(is_short(&reply(&mut state, reserve(2, 10, 10, 50_000))));
    let release = Record::Release { account_id: PAYER, lease_id: lease(1), amount: nanos(90) };
    assert_eq!(state.step(Input::Tick { now_ms: 50_000 }).unwrap().records, [release]);
    state.step(settle(1, 5)).unwrap();
    let close = Record::Close { account_id: PAYER, lease_id: lease(1) };
    assert_eq!(state.step(Input::Tick { now_ms: 50_001 }).unwrap().records, [close]);
    assert_eq!(state.open_leases(), 0);
}

#[test]
fn quota_that_no_call_needs_goes_back_after_two_seconds() {
    let mut state = with([granted(1, 100)]);
    assert_eq!(state.step(Input::Tick { now_ms: 1_999 }).unwrap().records, []);
    let close = Record::Close { account_id: PAYER, lease_id: lease(1) };
    assert_eq!(state.step(Input::Tick { now_ms: 2_000 }).unwrap().records, [close]);
}

#[test]
fn quota_whose_calls_are_far_apart_is_kept_for_the_next() {
    let mut state = with([granted(1, 100), reserve(1, 10, 10, 1_000), settle(1, 5)]);
    state.step(reserve(2, 10, 10, 2_900)).unwrap();
    state.step(settle(2, 5)).unwrap();
    assert_eq!(state.step(Input::Tick { now_ms: 2_900 + 7_599 }).unwrap().records, [], "1.9 s apart");
    let close = Record::Close { account_id: PAYER, lease_id: lease(1) };
    assert_eq!(state.step(Input::Tick { now_ms: 2_900 + 7_600 }).unwrap().records, [close]);
}

#[test]
fn quota_of_an_account_that_is_hardly_called_goes_back_within_twenty_seconds() {
    let mut state = with([granted(1, 100), reserve(1, 10, 10, 1_000), settle(1, 5)]);
    state.step(granted_at(2, 100, 600_000)).unwrap();
    state.step(reserve(2, 10, 10, 600_000)).unwrap();
    state.step(settle(2, 5)).unwrap();
    let close = |n| Record::Close { account_id: PAYER, lease_id: lease(n) };
    assert_eq!(state.step(Input::Tick { now_ms: 619_999 }).unwrap().records, [close(1)], "it had expired");
    assert_eq!(state.step(Input::Tick { now_ms: 620_000 }).unwrap().records, [close(2)]);
}

#[test]
fn a_recall_gives_back_all_but_what_calls_hold() {
    let mut state = with([granted(1, 100), granted(2, 50), reserve(1, 80, 80, 1)]);
    let records = state.step(Input::Recall { accounts: vec![PAYER] }).unwrap().records;
    let release = Record::Release { account_id: PAYER, lease_id: lease(1), amount: nanos(20) };
    assert_eq!(records, [release, Record::Close { account_id: PAYER, lease_id: lease(2) }]);
}

#[test]
fn an_unlimited_account_takes_no_lease_and_is_asked_about_again() {
    let grant = Grant::Unlimited { account_id: PAYER, usable_ms: 1_000 };
    let mut state = with([Input::Granted { grants: vec![grant], asked_ms: 0 }]);
    let output = state.step(reserve(1, 1_000, 1_000, 1)).unwrap();
    let [Record::Reserve(facts)] = &output.records[..] else { panic!("{output:?}") };
    assert_eq!(facts.scopes[0].lease_id, None);
    assert!(is_short(&reply(&mut state, reserve(2, 1, 1, 1_000))));
}

#[test]
fn what_may_have_been_billed_cannot_be_voided() {
    let sent = Input::Sent { call: whole(1), attempt: attempt(1, AttemptOutcome::Unknown) };
    let ended = Input::AttemptEnded { call: whole(1), attempt: 1, outcome: AttemptOutcome::Unbilled };
    let mut state = with([granted(1, 100), reserve(1, 10, 10, 1), sent]);
    assert_eq!(state.step(Input::Void { call: whole(1) }).unwrap_err(), StepError::MayBeBilled(whole(1)));
    state.step(ended).unwrap();
    let void = Output { records: vec![Record::Void { call: whole(1) }], reply: Reply::Done };
    assert_eq!(state.step(Input::Void { call: whole(1) }).unwrap(), void);
}

#[test]
fn a_call_ends_once() {
    let mut state = with([granted(1, 100), reserve(1, 10, 10, 1), settle(1, 5)]);
    assert_eq!(state.step(settle(1, 5)).unwrap_err(), StepError::NotOpen(whole(1)));
    assert_eq!(state.step(Input::Void { call: whole(1) }).unwrap_err(), StepError::NotOpen(whole(1)));
    assert_eq!(state.open_calls(), 0);
}

#[test]
fn a_busy_account_reports_what_it_spends_in_ten_seconds() {
    let mut state = with([granted(1, 100), reserve(1, 60, 60, 1)]);
    let Reply::Short(short) = reply(&mut state, reserve(2, 60, 60, 2)) else { panic!("not short") };
    assert_eq!(short[0].rate, nanos(8 * 60), "it did not last");
    let Reply::Short(short) = reply(&mut state, reserve(2, 60, 60, 4_000)) else { panic!("not short") };
    assert_eq!(short[0].rate, nanos(2 * 60), "it lasted for four of ten seconds");
    let Reply::Short(short) = reply(&mut state, reserve(2, 60, 60, 9_900)) else { panic!("not short") };
    assert_eq!(short[0].rate, nanos(60));
    let Reply::Short(short) = reply(&mut state, reserve(2, 60, 60, 60_000)) else { panic!("not short") };
    assert_eq!(short[0].rate, Nanos::ZERO);
}

fn replayed(records: impl IntoIterator<Item = Record>, boot_id: &str) -> Vec<Record> {
    let mut replay = Replay::default();
    replay.take(Record::Started { boot_id: "boot".into(), at: TimeStamp::default() });
    records.into_iter().for_each(|record| replay.take(record));
    replay.endings(boot_id, TimeStamp::default())
}

fn reserved(n: u128) -> Record {
    Record::Reserve(Box::new(facts(n, 100)))
}

fn sent(n: u128, outcome: AttemptOutcome) -> Record {
    Record::Sent { call: whole(n), attempt: attempt(1, outcome) }
}

fn in_doubt(records: &[Record]) -> (Nanos, u64) {
    let [Record::Settle(settlement)] = records else { panic!("{records:?}") };
    assert!(settlement.flags.contains(&Flag::InDoubt));
    (settlement.amount, settlement.usage.output_tokens)
}

#[test]
fn a_call_that_sent_nothing_is_void_after_a_crash_but_in_doubt_after_a_power_loss() {
    assert_eq!(replayed([reserved(1)], "boot"), [Record::Void { call: whole(1) }]);
    assert_eq!(in_doubt(&replayed([reserved(1)], "another")), (nanos(10), 0));
}

#[test]
fn a_call_that_was_sent_is_settled_on_what_is_known_and_at_most_at_what_was_reserved() {
    let progress = |output_tokens| Record::Progress { call: whole(1), output_tokens };
    let crash = |output_tokens| {
        replayed([reserved(1), sent(1, AttemptOutcome::Unknown), progress(output_tokens)], "boot")
    };
    assert_eq!(in_doubt(&crash(5)), (nanos(15), 5));
    assert_eq!(in_doubt(&crash(5_000)), (nanos(100), 5_000));
}

#[test]
fn a_call_whose_every_attempt_was_unbilled_is_void_after_a_crash() {
    let ended = Record::AttemptEnded { call: whole(1), attempt: 1, outcome: AttemptOutcome::Unbilled };
    let records = [reserved(1), sent(1, AttemptOutcome::Unknown), ended];
    assert_eq!(replayed(records, "boot"), [Record::Void { call: whole(1) }]);
}

#[test]
fn a_call_that_ended_stays_ended_after_a_crash() {
    let settled = Record::Settle(Box::new(crate::fixtures::settlement(5)));
    assert_eq!(replayed([reserved(1), sent(1, AttemptOutcome::Unknown), settled], "boot"), []);
    assert_eq!(replayed([reserved(1), Record::Void { call: whole(1) }], "boot"), []);
}

#[test]
fn a_call_that_is_written_down_once_more_stays_known_wherever_that_breaks_off() {
    let mut state = with([granted(1, 100), reserve(1, 100, 100, 1)]);
    let sent = Input::Sent { call: whole(1), attempt: attempt(1, AttemptOutcome::Unknown) };
    let progress = Input::Progress { call: whole(1), output_tokens: 5 };
    let first: Vec<Record> =
        [sent, progress].into_iter().flat_map(|input| state.step(input).unwrap().records).collect();
    state.was_written(whole(1), 7);
    assert!(state.expiring(6).is_empty());
    let (_, again) = state.expiring(7).remove(0);
    for length in 0..=again.len() {
        let records = [reserved(1)].into_iter().chain(first.clone()).chain(again[..length].to_vec());
        assert_eq!(in_doubt(&replayed(records, "boot")), (nanos(15), 5), "{length} records");
    }
    assert_eq!(in_doubt(&replayed(again.clone(), "boot")), (nanos(15), 5), "by itself");
}

#[test]
fn a_call_is_needed_from_where_it_was_written_until_its_repetition_is_durable() {
    let mut state = with([granted(1, 100), reserve(1, 100, 100, 1)]);
    assert_eq!(NodeState::default().needed_from(9), None);
    state.was_written(whole(1), 7);
    state.was_repeated(whole(1), 20, 22);
    assert!(state.expiring(7).is_empty(), "once is enough");
    assert_eq!(state.needed_from(21), Some(7));
    assert_eq!(state.needed_from(22), Some(20));
    assert_eq!(state.expiring(20).len(), 1, "and again when that goes");
}

#[test]
fn a_process_that_says_again_under_which_boot_it_runs_means_the_calls_that_are_open() {
    let mut replay = Replay::default();
    replay.take(reserved(1));
    replay.take(Record::Started { boot_id: "boot".into(), at: TimeStamp::default() });
    assert_eq!(replay.endings("boot", TimeStamp::default()), [Record::Void { call: whole(1) }]);
}
