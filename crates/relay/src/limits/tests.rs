//! Who is let through, and what they are told.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use domain::{ApiTokenId, CallLimits, GroupName, TimeStamp, UserId};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use super::{
    window::{SLOT_MS, Window},
    *,
};
use crate::CallerLimits;

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

fn caller(token: u128, limits: CallerLimits) -> Caller {
    Caller {
        token_id: ApiTokenId(Uuid::from_u128(token)),
        user_id: UserId(Uuid::from_u128(1)),
        group: GroupName::default_group(),
        scopes: Vec::new(),
        budgets: Vec::new(),
        models: None,
        limits,
    }
}

fn by_token(limits: CallLimits) -> Caller {
    caller(1, CallerLimits { token: limits, user: CallLimits::NONE })
}

fn refused(limits: &Arc<Limits>, caller: &Caller, tokens: u64) -> Limited {
    *limits.admit(caller, tokens).err().expect("one too many")
}

#[test]
fn requests_beyond_the_limit_wait_until_a_minute_has_passed() {
    let ((limits, clock), caller) = (rig(), by_token(requests(3)));
    for left in [2, 1, 0] {
        let admission = limits.admit(&caller, 0).unwrap();
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
    assert!(limits.admit(&caller, 0).is_ok(), "when it was told to come back it is let through");
}

#[test]
fn tokens_count_as_expected_while_a_call_is_open_and_as_used_when_it_has_ended() {
    let ((limits, _), caller) = (rig(), by_token(tokens(100)));
    let mut first = limits.admit(&caller, 60).unwrap();
    assert_eq!(refused(&limits, &caller, 41).metered, Metered::Tokens);
    first.used(10);
    drop(first);
    let mut second = limits.admit(&caller, 90).unwrap();
    second.used(500);
    drop(second);
    let limited = refused(&limits, &caller, 1);
    assert_eq!(limited.rates.tokens.unwrap().remaining, 0);
}

#[test]
fn a_call_that_came_to_nothing_gives_its_tokens_back_but_was_a_request() {
    let both = CallLimits { tokens_per_minute: NonZeroU32::new(10), ..requests(2) };
    let ((limits, _), caller) = (rig(), by_token(both));
    drop(limits.admit(&caller, 10).unwrap());
    drop(limits.admit(&caller, 10).unwrap());
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
    let open = [limits.admit(&caller, 0).unwrap(), limits.admit(&caller, 0).unwrap()];
    assert_eq!(refused(&limits, &caller, 0).metered, Metered::Concurrency);
    drop(open);
    assert!(limits.admit(&caller, 0).is_ok());
}

#[test]
fn a_user_is_limited_over_all_tokens_and_what_one_refuses_is_counted_nowhere() {
    let (limits, _) = rig();
    let of = |token| caller(token, CallerLimits { token: requests(2), user: requests(3) });
    for token in [1, 1, 2] {
        assert!(limits.admit(&of(token), 0).is_ok());
    }
    let limited = refused(&limits, &of(2), 0);
    assert_eq!(limited.limit, 3, "the user's");
    let (token, user) = (requests(2), CallLimits::NONE);
    assert!(limits.admit(&caller(2, CallerLimits { token, user }), 0).is_ok(), "the token had one left");
}

#[test]
fn whoever_has_no_limit_is_not_counted() {
    let (limits, _) = rig();
    let admission = limits.admit(&caller(1, CallerLimits::default()), u64::MAX).unwrap();
    assert_eq!(admission.rates(), Rates::default());
    assert_eq!(limits.book.lock().counters(), 0);
}

#[test]
fn whoever_was_quiet_for_a_minute_is_forgotten() {
    let (limits, clock) = rig();
    for token in 0..1_025 {
        drop(limits.admit(&caller(token, CallerLimits { token: requests(9), ..CallerLimits::default() }), 0));
    }
    clock.0.fetch_add(65_000, Ordering::SeqCst);
    let open = CallerLimits { token: requests(9), ..CallerLimits::default() };
    let kept = limits.admit(&caller(0, open), 0).unwrap();
    for token in 2_000..4_100 {
        drop(limits.admit(&caller(token, open), 0));
    }
    assert!(limits.book.lock().counters() <= 2_102, "{}", limits.book.lock().counters());
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
