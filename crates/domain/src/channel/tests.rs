//! What a channel decides.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    Channel, ChannelChange, ChannelCommand as C, ChannelEvent as E, ChannelKey, ChannelRefusal, ChannelSpec,
    DisabledBy,
};
use crate::{ChannelKeyId, GroupName, ModelName, Sealed, testing::given};

fn key() -> ChannelKey {
    ChannelKey { key_id: ChannelKeyId(Uuid::from_u128(1)), secret: Sealed("s".into()), hint: "abcd".into() }
}

fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

fn spec() -> ChannelSpec {
    ChannelSpec {
        name: "one".into(),
        provider: "example".into(),
        base_url: None,
        keys: vec![key()],
        models: BTreeSet::from([model("m")]),
        model_map: BTreeMap::new(),
        groups: BTreeSet::from([GroupName::default_group()]),
        priority: 0,
        weight: 1,
        limits: None,
    }
}

fn created() -> E {
    E::Created { spec: Box::new(spec()) }
}

#[test]
fn a_channel_needs_a_name_keys_models_and_groups() {
    let refused = |spec: ChannelSpec, refusal: ChannelRefusal| {
        given::<Channel>([]).when(C::Create(Box::new(spec))).then_refused(&refusal);
    };
    refused(ChannelSpec { name: String::new(), ..spec() }, crate::NameError::Empty.into());
    refused(ChannelSpec { keys: Vec::new(), ..spec() }, ChannelRefusal::Keys(0));
    refused(ChannelSpec { models: BTreeSet::new(), ..spec() }, ChannelRefusal::Models(0));
    refused(ChannelSpec { groups: BTreeSet::new(), ..spec() }, ChannelRefusal::Groups(0));
    refused(ChannelSpec { weight: 1_000_001, ..spec() }, ChannelRefusal::Weight(1_000_001));
    let map = BTreeMap::from([(model("other"), model("m"))]);
    refused(ChannelSpec { model_map: map, ..spec() }, ChannelRefusal::MapsUnserved(model("other")));
}

#[test]
fn a_change_carries_only_what_is_different_and_none_when_nothing_is() {
    let change = ChannelChange { weight: Some(5), ..ChannelChange::default() };
    given::<Channel>([created()])
        .when(C::Change(Box::new(change.clone())))
        .then([E::Changed { change: Box::new(change) }]);
    let same = ChannelChange { weight: Some(1), ..ChannelChange::default() };
    given::<Channel>([created()]).when(C::Change(Box::new(same))).then([]);
}

#[test]
fn a_change_that_would_leave_a_bad_channel_is_refused() {
    let change = ChannelChange { models: Some(BTreeSet::new()), ..ChannelChange::default() };
    given::<Channel>([created()]).when(C::Change(Box::new(change))).then_refused(&ChannelRefusal::Models(0));
}

#[test]
fn what_an_admin_disabled_health_does_not_disable_again() {
    let by_admin = E::Disabled { by: DisabledBy::Admin };
    given::<Channel>([created(), by_admin.clone()]).when(C::Disable(DisabledBy::Health)).then([]);
    let by_health = E::Disabled { by: DisabledBy::Health };
    given::<Channel>([created(), by_health]).when(C::Disable(DisabledBy::Admin)).then([by_admin]);
}

#[test]
fn a_deleted_channel_is_gone_for_good_and_may_be_deleted_twice() {
    given::<Channel>([created(), E::Deleted {}]).when(C::Delete).then([]);
    given::<Channel>([created(), E::Deleted {}]).when(C::Enable).then_refused(&ChannelRefusal::Unknown);
    given::<Channel>([created(), E::Deleted {}])
        .when(C::Create(Box::new(spec())))
        .then_refused(&ChannelRefusal::Exists);
}

#[test]
fn a_base_url_can_be_set_cleared_and_left_in_json() {
    let read = |json: &str| serde_json::from_str::<ChannelChange>(json).unwrap().base_url;
    assert_eq!(read("{}"), None);
    assert_eq!(read(r#"{"base_url":null}"#), Some(None));
    assert_eq!(read(r#"{"base_url":"https://a/v1"}"#), Some(Some("https://a/v1".into())));
}
