//! What a token decides.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    ApiToken, ApiTokenChange, ApiTokenCommand as C, ApiTokenEvent as E, ApiTokenRefusal, ApiTokenSpec,
    HashedKey, Network,
};
use crate::{AccountId, UserId, testing::given};

fn spec() -> ApiTokenSpec {
    ApiTokenSpec {
        name: "one".into(),
        user_id: UserId(Uuid::from_u128(1)),
        account_id: AccountId(Uuid::from_u128(2)),
        limit_account_id: None,
        models: None,
        allowed_ips: None,
        expires_at: None,
        group: None,
        limits: None,
    }
}

fn key(hint: &str) -> HashedKey {
    HashedKey { sha256: "00".repeat(32), hint: hint.into() }
}

fn issued() -> E {
    E::Issued { spec: Box::new(spec()), key: key("aaaa") }
}

#[test]
fn a_revoked_token_is_never_issued_enabled_or_rotated_again() {
    let revoked = || given::<ApiToken>([issued(), E::Revoked {}]);
    revoked()
        .when(C::Issue { spec: Box::new(spec()), key: key("bbbb") })
        .then_refused(&ApiTokenRefusal::AlreadyIssued);
    revoked().when(C::Enable).then_refused(&ApiTokenRefusal::Revoked);
    revoked().when(C::Rotate(key("bbbb"))).then_refused(&ApiTokenRefusal::Revoked);
    revoked().when(C::Revoke).then([]);
}

#[test]
fn a_disabled_token_is_enabled_once() {
    given::<ApiToken>([issued(), E::Disabled {}]).when(C::Enable).then([E::Enabled {}]);
    given::<ApiToken>([issued()]).when(C::Enable).then([]);
}

#[test]
fn a_restriction_can_be_lifted_and_is_told_apart_from_one_left_alone() {
    let read = |json: &str| serde_json::from_str::<ApiTokenChange>(json).unwrap();
    assert_eq!(read("{}").models, None);
    assert_eq!(read(r#"{"models":null}"#).models, Some(None));
    let json = serde_json::to_string(&read(r#"{"models":null}"#)).unwrap();
    assert_eq!(json, r#"{"models":null}"#);
}

#[test]
fn an_empty_list_is_refused_since_it_would_mean_nothing_at_all() {
    let spec = ApiTokenSpec { models: Some(BTreeSet::new()), ..spec() };
    given::<ApiToken>([])
        .when(C::Issue { spec: Box::new(spec), key: key("aaaa") })
        .then_refused(&ApiTokenRefusal::Listed { field: "models" });
}

#[test]
fn an_address_that_is_none_is_refused_by_name() {
    let spec = ApiTokenSpec { allowed_ips: Some(BTreeSet::from(["10.0.0.0/33".into()])), ..spec() };
    given::<ApiToken>([])
        .when(C::Issue { spec: Box::new(spec), key: key("aaaa") })
        .then_refused(&ApiTokenRefusal::Address("10.0.0.0/33".into()));
}

#[test]
fn a_network_holds_its_addresses_and_no_others() {
    let holds =
        |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
    assert!(holds("10.0.0.0/8", "10.255.1.2"));
    assert!(!holds("10.0.0.0/8", "11.0.0.0"));
    assert!(holds("0.0.0.0/0", "203.0.113.9"));
    assert!(holds("192.0.2.7", "::ffff:192.0.2.7"));
    assert!(!holds("192.0.2.7", "192.0.2.8"));
    assert!(holds("2001:db8::/32", "2001:db8:1::1"));
    assert!(!holds("2001:db8::/32", "10.0.0.1"));
}
