//! What a snapshot rests on, for every aggregate: `fold(events) = fold(snapshot, tail)`, whatever happened and wherever
//! the snapshot was taken.

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{TestCaseError, TestRunner},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, Nanos, StoredEvent,
    account::{Account, AccountEvent, Limit, Owner},
    api_token::ApiToken,
    channel::Channel,
    group::Group,
    price_list::PriceList,
    settings::Settings,
    testing::given,
    user::User,
};

/// Members that name something, and are not a word of ours.
const NAMES: [&str; 3] = ["model", "name", "group"];

fn next(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *dice >> 33
}

/// Other numbers, and one of a few other ids and names, so that events meet.
fn vary(value: &mut Value, member: &str, dice: &mut u64) {
    match value {
        Value::Number(_) => *value = (next(dice) % 1_000).into(),
        Value::String(text) if Uuid::try_parse(text).is_ok() => {
            *text = Uuid::from_u128(u128::from(next(dice) % 3)).to_string();
        }
        Value::String(text) if NAMES.contains(&member) => *text = format!("{text}{}", next(dice) % 3),
        Value::Array(items) => items.iter_mut().for_each(|item| vary(item, member, dice)),
        Value::Object(members) => {
            for (name, value) in members.iter_mut().filter(|(name, _)| *name != "type") {
                vary(value, name, dice);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A sample with something else in it.
fn event<E: StoredEvent>(sample: Index, mut dice: u64) -> E {
    let mut payload = serde_json::to_value(sample.get(&E::samples())).unwrap();
    vary(&mut payload, "", &mut dice);
    serde_json::from_value(payload.clone()).unwrap_or_else(|error| panic!("{error}: {payload:#}"))
}

/// What is read back of what is written of it.
fn kept<A: Aggregate>(state: &A) -> A {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

fn check<A: Aggregate + PartialEq>() {
    let story = vec((any::<Index>(), any::<u64>()), 0..40);
    let checked = TestRunner::new(ProptestConfig::with_cases(128)).run(&story, |story| {
        let events: Vec<A::Event> = story.into_iter().map(|(sample, dice)| event(sample, dice)).collect();
        agree::<A>(&events)
    });
    checked.unwrap();
}

fn agree<A: Aggregate + PartialEq>(events: &[A::Event]) -> Result<(), TestCaseError> {
    let whole = given::<A>(events.iter().cloned()).state();
    for cut in 0..=events.len() {
        let (before, tail) = events.split_at(cut);
        let mut state = kept(&given::<A>(before.iter().cloned()).state());
        for event in tail {
            state.evolve(event);
        }
        prop_assert_eq!(&state, &whole, "with a snapshot after {} events", cut);
    }
    Ok(())
}

#[test]
fn an_account_is_the_same_with_and_without_a_snapshot() {
    check::<Account>();
}

#[test]
fn a_token_is_the_same_with_and_without_a_snapshot() {
    check::<ApiToken>();
}

#[test]
fn a_channel_is_the_same_with_and_without_a_snapshot() {
    check::<Channel>();
}

#[test]
fn a_group_is_the_same_with_and_without_a_snapshot() {
    check::<Group>();
}

#[test]
fn the_price_list_is_the_same_with_and_without_a_snapshot() {
    check::<PriceList>();
}

#[test]
fn the_settings_are_the_same_with_and_without_a_snapshot() {
    check::<Settings>();
}

#[test]
fn a_user_is_the_same_with_and_without_a_snapshot() {
    check::<User>();
}

#[test]
fn a_story_reaches_leases_that_are_charged() {
    // The property would say little if no two events were ever about the same thing.
    let mut dice = 7;
    let mut account = Account::default();
    let charged = (0..2_000).filter(|_| {
        let index = usize::try_from(next(&mut dice)).unwrap() % AccountEvent::samples().len();
        let mut payload = serde_json::to_value(&AccountEvent::samples()[index]).unwrap();
        vary(&mut payload, "", &mut dice);
        account.evolve(&serde_json::from_value(payload).unwrap());
        account.leases.values().any(|lease| !lease.settled.is_zero())
    });
    assert!(charged.count() > 100);
}

#[test]
fn a_snapshot_with_an_event_applied_twice_is_another_state() {
    let account_id = AccountId(Uuid::from_u128(1));
    let opened = AccountEvent::Opened { account_id, owner: Owner::Suspense, limit: Limit::Prepaid };
    let paid = AccountEvent::Deposited { amount_nanos: Nanos::from_dollars(1), reason: "paid".to_owned() };
    let once = given::<Account>([opened.clone(), paid.clone()]).state();
    // What the stores that come with cqrs-es keep: the state a decision has touched, and its events once more.
    let twice = kept(&given::<Account>([opened, paid.clone(), paid]).state());
    assert_ne!(once, twice);
}
