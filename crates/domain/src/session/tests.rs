//! What a session decides.

use uuid::Uuid;

use super::{Session, SessionCommand as C, SessionEnd, SessionEvent as E, SessionRefusal, TWIN_MS_MAX};
use crate::{TimeStamp, UserId, testing::given};

const fn at(seconds: u64) -> TimeStamp {
    TimeStamp::from_micros(0).plus_ms(seconds * 1_000)
}

fn opened() -> E {
    E::Opened { user_id: UserId(Uuid::from_u128(1)), epoch: 0, expires_at: at(1_000) }
}

fn refreshed(generation: u32, seconds: u64) -> E {
    E::Refreshed { generation, at: at(seconds) }
}

#[test]
fn each_refresh_uses_up_what_was_held_before() {
    given::<Session>([opened()]).when(C::Refresh { generation: 0, at: at(1) }).then([refreshed(1, 1)]);
    given::<Session>([opened(), refreshed(1, 1)])
        .when(C::Refresh { generation: 1, at: at(2) })
        .then([refreshed(2, 2)]);
}

#[test]
fn of_two_that_refresh_at_once_the_second_is_refused_and_the_session_goes_on() {
    given::<Session>([opened(), refreshed(1, 1)])
        .when(C::Refresh { generation: 0, at: at(2) })
        .then_refused(&SessionRefusal::Superseded);
}

#[test]
fn what_is_shown_again_later_was_copied_and_ends_the_session() {
    let late = at(1 + TWIN_MS_MAX / 1_000);
    given::<Session>([opened(), refreshed(1, 1)])
        .when(C::Refresh { generation: 0, at: late })
        .then([E::Ended { end: SessionEnd::Replayed }]);
    given::<Session>([opened(), refreshed(1, 1), refreshed(2, 2)])
        .when(C::Refresh { generation: 0, at: at(3) })
        .then([E::Ended { end: SessionEnd::Replayed }]);
}

#[test]
fn a_session_ends_by_itself_and_nothing_brings_it_back() {
    given::<Session>([opened()])
        .when(C::Refresh { generation: 0, at: at(1_000) })
        .then_refused(&SessionRefusal::Ended);
    let ended = E::Ended { end: SessionEnd::SignedOut };
    given::<Session>([opened(), ended])
        .when(C::Refresh { generation: 0, at: at(1) })
        .then_refused(&SessionRefusal::Ended);
    given::<Session>([opened(), ended]).when(C::End(SessionEnd::Revoked)).then([]);
}
