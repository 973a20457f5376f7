//! What one node hands another, and what becomes of a copy that is told too new a thing.

use domain::{
    AdminKeyId, Log, Sealed,
    user::{ClaimedLogin, User, UserCommand},
};
use eventlog::{PAGE_MAX, StoreError};
use uuid::Uuid;

use super::{
    super::snapshot::RestoreError,
    files::{file, needed, restored},
    token,
};
use crate::fixtures::{House, create_channel, create_user, hashed, issue_token, user_id};

/// A channel, a user with everything that can be theirs, and a token.
async fn furnished() -> House {
    let house = House::open().await;
    create_channel(&house, 1).await;
    create_user(&house, 1).await;
    issue_token(&house, 1, 1, 0xa1).await;
    let login = ClaimedLogin { claim: "the-claim".into(), name: Sealed("the-login".into()) };
    for command in [
        UserCommand::Rename(Sealed("the-name".into())),
        UserCommand::SetLogin(login),
        UserCommand::SetPassword(Sealed("the-password".into())),
        UserCommand::IssueAdminKey { key_id: AdminKeyId(Uuid::from_u128(7)), key: hashed(0xb7) },
    ] {
        house.ask::<User>(&user_id(1).to_string(), command).await.unwrap();
    }
    house
}

#[tokio::test]
async fn what_is_of_a_person_is_handed_to_nobody_and_kept_by_no_copy() {
    let house = furnished().await;
    let loaded = house.loaded().await;
    let empty = format!(
        "{{\"format\":2,\"log_id\":\"{}\",\"position\":0,\"tokens\":0}}\n{{\"end\":{{\"rows\":0}}}}\n",
        loaded.place().log_id
    );
    let copy = restored(empty.as_bytes()).unwrap();
    copy.take(&house.log.reader().read(Log::Control, 0, PAGE_MAX).await.unwrap()).unwrap();
    for (whose, text) in [("the first's", needed(&loaded)), ("the copy's", needed(&copy))] {
        for secret in ["the-claim", "the-login", "the-name", "the-password", "b7b7b7"] {
            assert!(!text.contains(secret), "{secret} is in {whose} snapshot");
        }
        assert!(text.contains("a1a1a1"), "the key's hash lets its token in");
    }
    assert_eq!(copy.user(user_id(1)).unwrap().login, None);
    assert_eq!(copy.login("the-claim"), None);
    assert_eq!(copy.admin_key(&[0xb7; 32]), None);
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_anywhere_is_none() {
    let house = furnished().await;
    let text = needed(&house.loaded().await).into_bytes();
    for end in 0..text.len() - 1 {
        assert!(restored(&text[..end]).is_err(), "{end} of {} bytes", text.len());
    }
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for left_out in 1..lines.len() {
        let mut less = lines.clone();
        less.remove(left_out);
        let broken = restored(&less.concat()).err().unwrap();
        assert!(matches!(broken, RestoreError::BreaksOff(_)), "without line {left_out}: {broken}");
    }
}

#[tokio::test]
async fn a_snapshot_of_another_form_is_refused_and_what_is_known_stays() {
    let house = furnished().await;
    let directory = house.loaded().await;
    let place = directory.place();
    let newer = needed(&directory).replacen("\"format\":2", "\"format\":3", 1);
    assert!(matches!(directory.rebuild(file(newer.as_bytes())), Err(RestoreError::Format(3))));
    assert_eq!(directory.place(), place);
    assert!(token(&directory, 0xa1).await.is_some());
}

#[tokio::test]
async fn what_calls_lean_on_and_is_too_new_ends_it_there_and_what_is_of_no_known_kind_is_left_out() {
    let house = furnished().await;
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    let at = copy.position();
    let mut events = house.log.reader().read(Log::Control, 0, 3).await.unwrap();
    for (event, position) in events.iter_mut().zip(at + 1..) {
        event.position = position;
    }
    events[0].stream = "gadget:1".into();
    events[0].event_type = "gadget_made".into();
    events[1].event_type = "user_teleported".into();
    let too_new = copy.take(&events);
    assert!(matches!(too_new, Err(StoreError::NewerEvent { .. })), "{too_new:?}");
    assert_eq!((copy.position(), copy.skipped()), (at + 1, 1));
    // It goes on from there once the program is new enough, or the event was a mistake.
    events[1].event_type = "user_created".into();
    copy.take(&events[1..]).unwrap();
    assert_eq!(copy.position(), at + 3);
}
