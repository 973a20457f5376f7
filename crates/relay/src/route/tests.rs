use std::{collections::BTreeMap, sync::Arc};

use domain::{ChannelId, ChannelKeyId, GroupName, ModelName, channel::ChannelSpec, settings::Strategy};
use uuid::Uuid;

use super::{Failed, Picker, Route, RouteError, RouteKey, RouteTable};
use crate::{Format, Providers};

fn id(n: u32) -> ChannelId {
    ChannelId(Uuid::from_u128(n.into()))
}

fn spec(models: &[&str], priority: i32, weight: u32) -> ChannelSpec {
    ChannelSpec {
        name: "channel".into(),
        provider: "openai".into(),
        base_url: None,
        keys: Vec::new(),
        models: models.iter().map(|name| ModelName::new(name).unwrap()).collect(),
        model_map: BTreeMap::new(),
        groups: [GroupName::default_group()].into(),
        priority,
        weight,
        limits: None,
    }
}

fn keys(n: u32) -> Vec<RouteKey> {
    (0..n)
        .map(|n| RouteKey { key_id: ChannelKeyId(Uuid::from_u128(n.into())), secret: "sk".into() })
        .collect()
}

fn made(provider: &str, spec: &ChannelSpec, keys: Vec<RouteKey>) -> Result<Route, RouteError> {
    Route::new(id(0), Providers::builtin().unwrap().find(provider).unwrap(), spec, keys)
}

/// Channels 0, 1, 2 … of these priorities and weights, one key each.
fn table(channels: &[(i32, u32)]) -> RouteTable {
    let openai = Providers::builtin().unwrap().find("openai").unwrap();
    let routes = channels.iter().zip(0..).map(|((priority, weight), n)| {
        Route::new(id(n), Arc::clone(&openai), &spec(&["m"], *priority, *weight), keys(1)).unwrap()
    });
    RouteTable::new(routes.collect())
}

fn candidates(table: &RouteTable) -> Picker {
    picker(table, Format::OpenaiChat, Strategy::WeightedRandom)
}

fn picker(table: &RouteTable, format: Format, strategy: Strategy) -> Picker {
    table.candidates(&GroupName::default_group(), &ModelName::new("m").unwrap(), format, strategy)
}

/// The order in which all are tried when every one fails.
fn order(table: &RouteTable, mut chance: impl FnMut(u64) -> u64) -> Vec<u128> {
    let mut picker = candidates(table);
    let mut order = Vec::new();
    while let Some(choice) = picker.next(&mut chance) {
        order.push(choice.route.channel_id.0.as_u128());
        picker.exclude(&choice, Failed::Channel);
        assert!(order.len() < 100, "a channel that failed is tried again");
    }
    order
}

#[test]
fn higher_tiers_come_first_and_each_channel_once() {
    let table = table(&[(0, 1), (5, 1), (-3, 9), (5, 0), (0, 1)]);
    for seed in 0..50 {
        let order = order(&table, |below| seed % below);
        assert_eq!(order[..2], [1, 3], "weight 0 waits while another of its tier has more");
        assert_eq!(order[4], 2);
        assert_eq!(order.len(), 5);
    }
}

#[test]
fn within_a_tier_the_share_is_the_weight() {
    let table = table(&[(0, 1), (0, 3), (0, 0), (0, 6)]);
    let mut hits = [0; 4];
    for point in 0..10 {
        let choice = candidates(&table).next(&mut |below| if below == 10 { point } else { 0 }).unwrap();
        hits[usize::try_from(choice.route.channel_id.0.as_u128()).unwrap()] += 1;
    }
    assert_eq!(hits, [1, 3, 0, 6]);
}

#[test]
fn without_any_weight_a_tier_shares_alike() {
    let table = table(&[(0, 0), (0, 0)]);
    assert_eq!(order(&table, |_| 0), [0, 1]);
    assert_eq!(order(&table, |below| below - 1), [1, 0]);
}

#[test]
fn a_key_that_failed_leaves_the_channels_other_keys() {
    let table = RouteTable::new(vec![made("openai", &spec(&["m"], 0, 1), keys(2)).unwrap()]);
    let mut picker = candidates(&table);
    let first = picker.next(&mut |_| 0).unwrap();
    picker.exclude(&first, Failed::Key);
    let second = picker.next(&mut |_| 0).unwrap();
    assert_ne!(first.key().key_id, second.key().key_id);
    picker.exclude(&second, Failed::Key);
    assert!(picker.next(&mut |_| 0).is_none());
}

#[test]
fn only_the_group_and_model_of_a_channel_are_served() {
    let table = RouteTable::new(vec![made("openai", &spec(&["b", "a"], 0, 1), keys(1)).unwrap()]);
    let (group, other) = (GroupName::default_group(), GroupName::new("other").unwrap());
    let names: Vec<String> = table.models(&group).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(table.serves(&group, &ModelName::new("a").unwrap()));
    assert!(!table.serves(&group, &ModelName::new("c").unwrap()));
    assert!(!table.serves(&other, &ModelName::new("a").unwrap()));
    assert!(table.models(&other).is_empty());
}

#[test]
fn a_channel_that_cannot_be_used_says_why() {
    let plain = spec(&["m"], 0, 1);
    assert_eq!(made("openai", &plain, Vec::new()).unwrap_err(), RouteError::NoKey);
    assert_eq!(made("openai_compatible", &plain, keys(1)).unwrap_err(), RouteError::NoBaseUrl);
    for url in ["ftp://x", "/v1", "http://user@host/", "http://host/?a=b", "http://host/#x", ""] {
        let with = ChannelSpec { base_url: Some(url.into()), ..plain.clone() };
        assert_eq!(made("openai", &with, keys(1)).unwrap_err(), RouteError::BaseUrl, "{url}");
    }
    let bad = RouteKey { secret: "a\nb".into(), ..keys(1).remove(0) };
    assert!(matches!(made("openai", &plain, vec![bad]), Err(RouteError::Key(_))));
}

#[test]
fn the_path_goes_under_the_base_url_whether_it_ends_in_a_slash_or_not() {
    for url in ["http://host:1/v9", "http://host:1/v9/"] {
        let with = ChannelSpec { base_url: Some(url.into()), ..spec(&["m"], 0, 1) };
        let made = made("openai", &with, keys(1)).unwrap();
        assert_eq!(made.url(Format::OpenaiChat).unwrap(), "http://host:1/v9/chat/completions");
        assert_eq!(made.url(Format::OpenaiEmbeddings).unwrap(), "http://host:1/v9/embeddings");
    }
}

/// The channels as calls that end well come to them.
fn served(table: &RouteTable, calls: usize) -> Vec<u128> {
    let next = || picker(table, Format::OpenaiChat, Strategy::RoundRobin).next(&mut |_| panic!("by chance"));
    (0..calls).map(|_| next().unwrap().route.channel_id.0.as_u128()).collect()
}

#[test]
fn in_turn_each_comes_once_a_round_and_higher_tiers_still_first() {
    assert_eq!(served(&table(&[(0, 1), (0, 1), (0, 1), (-1, 9)]), 6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(served(&table(&[(0, 700), (0, 700)]), 4), [0, 1, 0, 1], "not seven hundred in a row");
}

#[test]
fn in_turn_the_share_is_the_weight_and_well_mixed() {
    let served = served(&table(&[(0, 5), (0, 1), (0, 0), (0, 1)]), 14);
    assert_eq!(served, [0, 0, 1, 0, 3, 0, 0, 0, 0, 1, 0, 3, 0, 0]);
}

#[test]
fn what_failed_leaves_its_turn_to_the_others() {
    let table = table(&[(0, 1), (0, 1), (0, 1)]);
    for expected in [[0, 1, 2], [0, 1, 2], [0, 1, 2]] {
        let mut picker = picker(&table, Format::OpenaiChat, Strategy::RoundRobin);
        let mut order = Vec::new();
        while let Some(choice) = picker.next(&mut |_| 0) {
            order.push(choice.route.channel_id.0.as_u128());
            picker.exclude(&choice, Failed::Channel);
        }
        order.sort_unstable();
        assert_eq!(order, expected);
    }
}

#[test]
fn the_keys_of_a_channel_take_turns_too() {
    let table = RouteTable::new(vec![made("openai", &spec(&["m"], 0, 1), keys(3)).unwrap()]);
    let next = || picker(&table, Format::OpenaiChat, Strategy::RoundRobin).next(&mut |_| 0).unwrap();
    let keys: Vec<_> = (0..6).map(|_| next().key().key_id.0.as_u128()).collect();
    assert_eq!(keys, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn only_channels_whose_provider_has_a_path_for_it_take_a_call() {
    let chat_only = made("groq", &spec(&["m"], 9, 1), keys(1)).unwrap();
    let both = Route { channel_id: id(1), ..made("openai", &spec(&["m"], 0, 1), keys(1)).unwrap() };
    let table = RouteTable::new(vec![chat_only, both]);
    let first = |format| picker(&table, format, Strategy::WeightedRandom).next(&mut |_| 0).unwrap();
    assert_eq!(first(Format::OpenaiChat).route.channel_id, id(0));
    assert_eq!(first(Format::OpenaiEmbeddings).route.channel_id, id(1));
    let (group, model) = (GroupName::default_group(), ModelName::new("m").unwrap());
    assert!(table.serves_as(&group, &model, Format::OpenaiCompletions));
    let mute = RouteTable::new(vec![made("groq", &spec(&["m"], 0, 1), keys(1)).unwrap()]);
    assert!(!mute.serves_as(&group, &model, Format::OpenaiCompletions));
}
