//! What a user decides.

use uuid::Uuid;

use super::{ADMIN_KEYS_MAX, ClaimedLogin, Role, User, UserCommand as C, UserEvent as E, UserRefusal};
use crate::{AccountId, AdminKeyId, GroupName, Sealed, api_token::HashedKey, testing::given};

fn created() -> E {
    E::Created {
        role: Role::User,
        account_id: AccountId(Uuid::from_u128(1)),
        group: GroupName::default_group(),
        name: Sealed("n".into()),
    }
}

fn key_id(n: usize) -> AdminKeyId {
    AdminKeyId(Uuid::from_u128(n as u128))
}

fn key() -> HashedKey {
    HashedKey { sha256: "00".repeat(32), hint: "aaaa".into() }
}

fn key_issued(n: usize) -> E {
    E::AdminKeyIssued { key_id: key_id(n), key: key() }
}

#[test]
fn a_deleted_user_does_nothing_any_more() {
    given::<User>([created(), E::Deleted {}]).when(C::Enable).then_refused(&UserRefusal::Unknown);
    given::<User>([created(), E::Deleted {}]).when(C::Delete).then([]);
}

#[test]
fn what_is_already_so_is_no_event() {
    given::<User>([created()]).when(C::Enable).then([]);
    given::<User>([created()]).when(C::ChangeRole(Role::User)).then([]);
    given::<User>([created(), E::Disabled {}]).when(C::Disable).then([]);
}

#[test]
fn only_a_key_that_is_held_is_rotated() {
    let rotate = C::RotateAdminKey { key_id: key_id(1), key: key() };
    given::<User>([created()]).when(rotate.clone()).then_refused(&UserRefusal::UnknownAdminKey);
    given::<User>([created(), key_issued(1)])
        .when(rotate)
        .then([E::AdminKeyRotated { key_id: key_id(1), key: key() }]);
}

#[test]
fn a_revoked_admin_key_makes_room_for_another() {
    let full: Vec<E> = std::iter::once(created()).chain((0..ADMIN_KEYS_MAX).map(key_issued)).collect();
    let issue = C::IssueAdminKey { key_id: key_id(999), key: key() };
    given::<User>(full.clone()).when(issue.clone()).then_refused(&UserRefusal::AdminKeys);
    given::<User>(full.into_iter().chain([E::AdminKeyRevoked { key_id: key_id(3) }]))
        .when(issue)
        .then([key_issued(999)]);
}

fn login(claim: &str) -> ClaimedLogin {
    ClaimedLogin { claim: claim.into(), name: Sealed("s".into()) }
}

#[test]
fn a_password_needs_a_name_to_sign_in_with() {
    let password = C::SetPassword(Sealed("h".into()));
    given::<User>([created()]).when(password.clone()).then_refused(&UserRefusal::NoLogin);
    given::<User>([created(), E::LoginSet { login: login("a") }])
        .when(password)
        .then([E::PasswordSet { password: Sealed("h".into()) }]);
}

#[test]
fn the_same_name_again_is_no_event_however_it_is_sealed() {
    let again = ClaimedLogin { name: Sealed("other".into()), ..login("a") };
    given::<User>([created(), E::LoginSet { login: login("a") }]).when(C::SetLogin(again)).then([]);
}

#[test]
fn a_new_password_a_ban_and_signing_out_end_every_session() {
    let epoch = |events: Vec<E>| match given::<User>(events).state() {
        User::Present(profile) => profile.epoch,
        other => panic!("{other:?}"),
    };
    let name = E::LoginSet { login: login("a") };
    assert_eq!(epoch(vec![created(), name.clone()]), 0);
    for end in [E::PasswordSet { password: Sealed("h".into()) }, E::SignedOut {}] {
        assert_eq!(epoch(vec![created(), name.clone(), end]), 1);
    }
    given::<User>([created(), name]).when(C::Disable).then([E::Disabled {}, E::SignedOut {}]);
    given::<User>([created()]).when(C::Disable).then([E::Disabled {}]);
}
