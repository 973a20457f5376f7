//! Who is let through, and what they are told.

mod board;
mod shares;

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use domain::{ApiTokenId, CallLimits, ChannelId, GroupName, ModelName, SLOT_MS, TimeStamp, UserId};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use super::{window::Window, *};

#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> TimeStamp {
        TimeStamp::default()
    }

    fn boot_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn rig() -> (Arc<Limits>, Arc<Hands>) {
    let clock = Arc::new(Hands(AtomicU64::new(7_000_123)));
    (Limits::new(clock.clone()), clock)
}

const fn requests(max: u32) -> CallLimits {
    CallLimits { requests_per_minute: NonZeroU32::new(max), ..CallLimits::NONE }
}

const fn tokens(max: u32) -> CallLimits {
    CallLimits { tokens_per_minute: NonZeroU32::new(max), ..CallLimits::NONE }
}

const fn token(id: u128) -> Subject {
    Subject::Token(ApiTokenId(Uuid::from_u128(id)))
}

const USER: Subject = Subject::User(UserId(Uuid::from_u128(1)));

fn by_token(limits: CallLimits) -> Vec<(Subject, CallLimits)> {
    vec![(token(1), limits)]
}

fn refused(limits: &Arc<Limits>, limited: &[(Subject, CallLimits)], tokens: u64) -> Limited {
    *limits.admit(limited.to_vec(), tokens).err().expect("one too many")
}

#[test]
fn requests_beyond_the_limit_wait_until_a_minute_has_passed() {
    let ((limits, clock), caller) = (rig(), by_token(requests(3)));
    for left in [2, 1, 0] {
        let admission = limits.admit(caller.clone(), 0).unwrap();
        assert_eq!(admission.rates().requests.unwrap().remaining, left);
    }
    let limited = refused(&limits, &caller, 0);
    assert_eq!((limited.metered, limited.limit), (Metered::Requests, 3));
    let wait_ms = limited.wait_ms.unwrap();
    assert!((60_000..=60_000 + SLOT_MS).contains(&wait_ms), "{wait_ms}");
    assert_eq!(limited.rates.requests.unwrap().reset_ms, wait_ms);
    clock.0.fetch_add(wait_ms - 1, Ordering::SeqCst);
    refused(&limits, &caller, 0);
    clock.0.fetch_add(1, Ordering::SeqCst);
    assert!(limits.admit(caller.clone(), 0).is_ok(), "when it was told to come back it is let through");
}

#[test]
fn tokens_count_as_expected_while_a_call_is_open_and_as_used_when_it_has_ended() {
    let ((limits, _), caller) = (rig(), by_token(tokens(100)));
    let mut first = limits.admit(caller.clone(), 60).unwrap();
    assert_eq!(refused(&limits, &caller, 41).metered, Metered::Tokens);
    first.used(10);
    drop(first);
    let mut second = limits.admit(caller.clone(), 90).unwrap();
    second.used(500);
    drop(second);
    let limited = refused(&limits, &caller, 1);
    assert_eq!(limited.rates.tokens.unwrap().remaining, 0);
}

#[test]
fn a_call_that_came_to_nothing_gives_its_tokens_back_but_was_a_request() {
    let both = CallLimits { tokens_per_minute: NonZeroU32::new(10), ..requests(2) };
    let ((limits, _), caller) = (rig(), by_token(both));
    drop(limits.admit(caller.clone(), 10).unwrap());
    drop(limits.admit(caller.clone(), 10).unwrap());
    assert_eq!(refused(&limits, &caller, 10).metered, Metered::Requests);
}

#[test]
fn a_call_that_never_fits_is_not_told_to_come_back() {
    let ((limits, _), caller) = (rig(), by_token(tokens(100)));
    let limited = refused(&limits, &caller, 101);
    assert_eq!((limited.metered, limited.wait_ms), (Metered::Tokens, None));
    assert!(limited.to_string().contains("make it shorter"), "{limited}");
}

#[test]
fn so_many_calls_are_open_at_once_and_an_end_makes_room() {
    let concurrent = CallLimits { concurrent_calls: NonZeroU32::new(2), ..CallLimits::NONE };
    let ((limits, _), caller) = (rig(), by_token(concurrent));
    let open = [limits.admit(caller.clone(), 0).unwrap(), limits.admit(caller.clone(), 0).unwrap()];
    assert_eq!(refused(&limits, &caller, 0).metered, Metered::Concurrency);
    drop(open);
    assert!(limits.admit(caller.clone(), 0).is_ok());
}

#[test]
fn a_user_is_limited_over_all_tokens_and_what_one_refuses_is_counted_nowhere() {
    let (limits, _) = rig();
    let of = |id| vec![(token(id), requests(2)), (USER, requests(3))];
    for id in [1, 1, 2] {
        assert!(limits.admit(of(id), 0).is_ok());
    }
    let limited = refused(&limits, &of(2), 0);
    assert_eq!((limited.limiter, limited.limit), (Limiter::User, 3));
    assert!(limits.admit(vec![(token(2), requests(2))], 0).is_ok(), "the token had one left");
}

#[test]
fn each_kind_of_limit_says_whose_it_is_and_is_counted_by_that() {
    let (limits, _) = rig();
    let (group, model) = (GroupName::default_group(), ModelName::new("m").unwrap());
    let subjects = [
        (Subject::Group(group), "the group `default` of this key"),
        (Subject::Model(model), "the model `m`"),
        (USER, "the user of this key"),
        (token(1), "this key"),
        (Subject::Channel(ChannelId(Uuid::from_u128(4))), "the provider"),
    ];
    for (subject, told) in subjects {
        let limited = vec![(subject, requests(1))];
        assert!(limits.admit(limited.clone(), 0).is_ok());
        let refused = refused(&limits, &limited, 0).to_string();
        assert_eq!(refused, format!("{told} is limited to 1 requests a minute; send them slower"));
    }
    let counted: Vec<_> = limits.view().refused.into_iter().collect();
    let once = |kind| ((kind, Metered::Requests), 1);
    assert_eq!(counted, ["channel", "group", "model", "token", "user"].map(once));
}

#[test]
fn whoever_has_no_limit_is_not_counted() {
    let (limits, _) = rig();
    let admission = limits.admit(Vec::new(), u64::MAX).unwrap();
    assert_eq!(admission.rates(), Rates::default());
    assert_eq!(limits.view().counters, 0);
}

#[test]
fn whoever_was_quiet_for_a_minute_is_forgotten() {
    let (limits, clock) = rig();
    for id in 0..1_025 {
        drop(limits.admit(vec![(token(id), requests(9))], 0));
    }
    clock.0.fetch_add(65_000, Ordering::SeqCst);
    let kept = limits.admit(vec![(token(0), requests(9))], 0).unwrap();
    for id in 2_000..4_100 {
        drop(limits.admit(vec![(token(id), requests(9))], 0));
    }
    assert!(limits.view().counters <= 2_102, "{}", limits.view().counters);
    drop(kept);
}

/// The window against a list of everything that happened.
#[test]
fn no_minute_ever_holds_more_than_the_limit() {
    for seed in 0..100 {
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut window, mut now_ms, mut all) = (Window::default(), 0, Vec::new());
        for _ in 0..400 {
            now_ms += chance.random_range(0..9_000);
            let count = chance.random_range(1..20);
            window.advance(now_ms);
            let wait_ms = window.wait_ms(count, 50, now_ms).unwrap();
            if wait_ms == 0 {
                window.add(count);
                all.push((now_ms, count));
            } else {
                let mut later = window.clone();
                later.advance(now_ms + wait_ms);
                assert_eq!(later.wait_ms(count, 50, now_ms + wait_ms), Some(0), "seed {seed}");
            }
            let minute = all.iter().filter(|(at, _)| at + 60_000 > now_ms).map(|(_, count)| count);
            assert!(minute.sum::<u64>() <= 50, "seed {seed}");
        }
        assert!(all.len() > 50, "seed {seed}: hardly anything came through");
    }
}
