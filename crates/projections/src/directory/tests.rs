//! The directory beside its tables, and on its own.

mod equal;
mod files;
mod snapshot;

use std::sync::Arc;

use domain::{
    AdminKeyId, Aggregate, GroupName, Log,
    api_token::{ApiToken, ApiTokenCommand, Network},
    channel::{Channel, ChannelCommand, DisabledBy},
    group::{Group, GroupCommand},
    price::{EDITION, Price, PriceSource, Rates, Ratio, catalogue},
    price_list::{LIST_ID, PriceList, PriceListCommand},
    settings::{SETTINGS_ID, Settings, SettingsCommand, SettingsValues},
    user::{User, UserCommand},
};
use eventlog::StoreError;
use uuid::Uuid;

use super::{Directory, TokenEntry, state::State};
use crate::{
    fixtures::{
        House, channel_id, create_channel, create_user, group, hashed, issue_token, model, token_id, user_id,
    },
    lookup::TokenLookup,
    tokens::TokenState,
};

/// Asks, and waits until the directory knows.
async fn ask<A: Aggregate>(house: &House, directory: &Arc<Directory>, id: &str, command: A::Command) {
    let heads = house.ask::<A>(id, command).await.unwrap();
    directory.positions().wait_for(|position| *position >= heads.control).await.unwrap();
}

/// The token whose key has a hash of this byte alone, of those that are in memory or in the file.
async fn token(directory: &Arc<Directory>, byte: u8) -> Option<Arc<TokenEntry>> {
    TokenLookup::new(directory.clone(), Vec::new()).find(&[byte; 32]).await.unwrap()
}

#[tokio::test]
async fn a_token_is_found_by_the_hash_of_the_key_that_it_has_now() {
    let mut house = House::open().await;
    issue_token(&house, 1, 1, 0xa1).await;
    let directory = house.directory().await;
    let found = token(&directory, 0xa1).await.unwrap();
    assert_eq!((found.token_id, found.user_id), (token_id(1), user_id(1)));
    assert_eq!(found.rules().networks.as_deref(), Some([Network::parse("10.0.0.0/8").unwrap()].as_slice()));

    let id = token_id(1).to_string();
    ask::<ApiToken>(&house, &directory, &id, ApiTokenCommand::Rotate(hashed(0xb1))).await;
    assert_eq!(token(&directory, 0xa1).await, None);
    ask::<ApiToken>(&house, &directory, &id, ApiTokenCommand::Disable).await;
    assert_eq!(token(&directory, 0xb1).await.unwrap().state, TokenState::Disabled);
    ask::<ApiToken>(&house, &directory, &id, ApiTokenCommand::Revoke).await;
    assert_eq!(token(&directory, 0xb1).await, None);

    // Nor by a directory that is loaded later.
    let later = Directory::load(&house.log).await.unwrap();
    assert_eq!((token(&later, 0xa1).await, token(&later, 0xb1).await), (None, None));
}

#[tokio::test]
async fn an_admin_key_admits_its_user_until_it_is_rotated_or_the_user_deleted() {
    let mut house = House::open().await;
    let directory = house.directory().await;
    create_user(&house, 1).await;
    let (id, key_id) = (user_id(1).to_string(), AdminKeyId(Uuid::from_u128(5)));
    let issue = UserCommand::IssueAdminKey { key_id, key: hashed(1) };
    ask::<User>(&house, &directory, &id, issue).await;
    assert_eq!(directory.admin_key(&[1; 32]), Some((user_id(1), key_id)));
    let rotate = UserCommand::RotateAdminKey { key_id, key: hashed(2) };
    ask::<User>(&house, &directory, &id, rotate).await;
    assert_eq!(directory.admin_key(&[1; 32]), None);
    assert_eq!(directory.admin_key(&[2; 32]), Some((user_id(1), key_id)));
    ask::<User>(&house, &directory, &id, UserCommand::Delete).await;
    assert_eq!((directory.admin_key(&[2; 32]), directory.user(user_id(1))), (None, None));
}

#[tokio::test]
async fn the_channels_version_changes_with_a_channel_and_with_nothing_else() {
    let mut house = House::open().await;
    create_channel(&house, 1).await;
    let directory = house.directory().await;
    let (before, version) = (directory.channels(), directory.channels_version());
    assert_eq!(before.len(), 1);

    ask::<User>(&house, &directory, &user_id(1).to_string(), crate::fixtures::user_command(1)).await;
    assert_eq!(directory.channels_version(), version);
    assert!(Arc::ptr_eq(&before, &directory.channels()));

    let disable = ChannelCommand::Disable(DisabledBy::Admin);
    ask::<Channel>(&house, &directory, &channel_id(1).to_string(), disable).await;
    assert_ne!(directory.channels_version(), version);
    assert_eq!(directory.channels()[0].disabled, Some(DisabledBy::Admin));
}

fn price(input: u64) -> Box<Price> {
    Box::new(Price { rates: Rates { input: Some(input), ..Rates::default() }, ..Price::default() })
}

#[tokio::test]
async fn the_operators_price_goes_before_the_catalogues_and_the_default_comes_last() {
    let mut house = House::open().await;
    let directory = house.directory().await;
    let known = catalogue::all().next().unwrap();
    let (known_name, unknown) = (model(known.id), model("no such model"));
    let default = GroupName::default_group();

    let (pinned, limits) = directory.price(&known_name, &default).unwrap();
    assert_eq!(pinned.source, PriceSource::Builtin { edition: EDITION.into() });
    assert_eq!((pinned.ratio, limits.input_tokens_max), (Ratio::ONE, known.input_tokens_max));
    assert_eq!(directory.price(&unknown, &default), None);
    assert_eq!(directory.priced_at(&known_name, &default).unwrap().0, directory.moment());

    let values = SettingsValues { default_price: Some(price(3)), ..SettingsValues::default() };
    let change = SettingsCommand::Change(Box::new(values));
    ask::<Settings>(&house, &directory, SETTINGS_ID, change).await;
    let (pinned, _) = directory.price(&unknown, &default).unwrap();
    assert_eq!((&*pinned.price, pinned.source), (&*price(3), PriceSource::Default { version: 1 }));
    let (pinned, _) = directory.price(&known_name, &default).unwrap();
    assert_eq!(pinned.source, PriceSource::default());

    let set = PriceListCommand::Set { model: known_name.clone(), price: price(5) };
    ask::<PriceList>(&house, &directory, LIST_ID, set).await;
    let (pinned, own_limits) = directory.price(&known_name, &default).unwrap();
    assert_eq!((&*pinned.price, pinned.source), (&*price(5), PriceSource::List { version: 1 }));
    assert_eq!(own_limits, limits, "what a model takes does not hang on its price");

    let remove = PriceListCommand::Remove { model: known_name.clone() };
    ask::<PriceList>(&house, &directory, LIST_ID, remove).await;
    assert_eq!(directory.price(&known_name, &default).unwrap().0.source, PriceSource::default());
}

#[tokio::test]
async fn a_group_that_is_not_known_has_no_price_and_the_default_group_always_has() {
    let mut house = House::open().await;
    let directory = house.directory().await;
    let name = model(catalogue::all().next().unwrap().id);
    let (vip, default) = (group("vip"), GroupName::default_group());
    assert_eq!(directory.price(&name, &vip), None);
    assert_eq!(directory.ratio(&default), Some(Ratio::ONE));

    let half = Ratio::try_from(500_000).unwrap();
    let create = GroupCommand::Create { name: vip.clone(), ratio: half };
    ask::<Group>(&house, &directory, "vip", create).await;
    assert_eq!(directory.price(&name, &vip).unwrap().0.ratio, half);
    let create = GroupCommand::Create { name: default.clone(), ratio: half };
    ask::<Group>(&house, &directory, "default", create).await;
    assert_eq!(directory.ratio(&default), Some(half));
    ask::<Group>(&house, &directory, "vip", GroupCommand::Delete).await;
    assert_eq!(directory.ratio(&vip), None);
}

#[tokio::test]
async fn following_ends_when_the_last_other_handle_of_the_log_is_gone() {
    let mut house = House::open().await;
    house.directory().await;
    let House { log, mut tasks, .. } = house;
    drop(log);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_hole_in_the_log_is_a_fault_and_what_came_before_it_holds() {
    let house = House::open().await;
    for n in 1..=3 {
        create_channel(&house, n).await;
    }
    let mut events = house.log.reader().read(Log::Control, 0, 10).await.unwrap();
    events.remove(1);
    let mut state = State::default();
    let fault = state.take(&events, &super::tokens::RowsBefore::new());
    assert!(matches!(fault, Err(StoreError::Hole { log: Log::Control, expected: 2, found: 3 })), "{fault:?}");
    assert_eq!((state.place().position, state.channels().len()), (1, 1));
}
