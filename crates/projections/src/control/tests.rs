use domain::{
    AdminKeyId, GroupName,
    api_token::{ApiToken, ApiTokenCommand},
    channel::{Channel, ChannelChange, ChannelCommand, DisabledBy},
    group::{Group, GroupCommand},
    price::{Price, Ratio},
    price_list::{LIST_ID, PriceList, PriceListCommand},
    settings::{SETTINGS_ID, Settings, SettingsCommand, SettingsValues},
    user::{User, UserCommand, UserStatus},
};
use uuid::Uuid;

use crate::{
    channels,
    fixtures::{
        House, channel_id, channel_key, create_channel, create_user, group, hashed, issue_token, model,
        token_id, user_id,
    },
    groups, prices, settings,
    tokens::{self, TokenState},
    users,
};

#[tokio::test]
async fn a_created_channel_is_readable_in_the_same_instant() {
    let house = House::open().await;
    create_channel(&house, 1).await;
    let found = channels::find(house.log.read_pool(), channel_id(1)).await.unwrap().unwrap();
    assert_eq!((found.row.spec.name.as_str(), found.row.disabled, found.version), ("first", None, 1));
    assert_eq!(found.created_at, found.updated_at);
}

#[tokio::test]
async fn a_channel_is_what_its_events_made_of_it() {
    let house = House::open().await;
    create_channel(&house, 1).await;
    let id = channel_id(1).to_string();
    let change = ChannelChange { name: Some("second".into()), weight: Some(7), ..Default::default() };
    house.ask::<Channel>(&id, ChannelCommand::Change(Box::new(change))).await.unwrap();
    house.ask::<Channel>(&id, ChannelCommand::RotateKeys(vec![channel_key(2)])).await.unwrap();
    house.ask::<Channel>(&id, ChannelCommand::Disable(DisabledBy::Health)).await.unwrap();

    let pool = house.log.read_pool();
    let found = channels::find(pool, channel_id(1)).await.unwrap().unwrap();
    assert_eq!((found.row.spec.name.as_str(), found.row.spec.weight), ("second", 7));
    assert_eq!(found.row.spec.keys, [channel_key(2)]);
    assert_eq!((found.row.disabled, found.version), (Some(DisabledBy::Health), 4));
    assert!(found.created_at < found.updated_at);

    house.ask::<Channel>(&id, ChannelCommand::Enable).await.unwrap();
    assert_eq!(channels::find(pool, channel_id(1)).await.unwrap().unwrap().row.disabled, None);
    house.ask::<Channel>(&id, ChannelCommand::Delete).await.unwrap();
    assert_eq!(channels::find(pool, channel_id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn lists_go_on_after_where_they_ended() {
    let house = House::open().await;
    for n in 1..=5 {
        create_channel(&house, n).await;
    }
    let pool = house.log.read_pool();
    let first = channels::list(pool, None, 3).await.unwrap();
    let rest = channels::list(pool, Some(channel_id(3)), 3).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|stored| stored.row.channel_id).collect();
    assert_eq!(ids, (1..=5).map(channel_id).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_revoked_token_stays_listed_with_its_owner() {
    let house = House::open().await;
    issue_token(&house, 1, 1, 0xa1).await;
    issue_token(&house, 2, 2, 0xa2).await;
    let id = token_id(1).to_string();
    house.ask::<ApiToken>(&id, ApiTokenCommand::Rotate(hashed(0xb1))).await.unwrap();
    house.ask::<ApiToken>(&id, ApiTokenCommand::Revoke).await.unwrap();

    let pool = house.log.read_pool();
    let of_first = tokens::list(pool, Some(user_id(1)), None, 10).await.unwrap();
    assert_eq!(of_first.len(), 1);
    assert_eq!((&of_first[0].row.key, of_first[0].row.state), (&hashed(0xb1), TokenState::Revoked));
    assert_eq!(tokens::list(pool, None, None, 10).await.unwrap().len(), 2);
    let second = tokens::find(pool, token_id(2)).await.unwrap().unwrap();
    assert_eq!(second.row.state, TokenState::Enabled);
}

#[tokio::test]
async fn a_users_admin_keys_follow_and_a_deleted_user_is_gone() {
    let house = House::open().await;
    create_user(&house, 1).await;
    let (id, key_id) = (user_id(1).to_string(), AdminKeyId(Uuid::from_u128(5)));
    house.ask::<User>(&id, UserCommand::IssueAdminKey { key_id, key: hashed(1) }).await.unwrap();
    house.ask::<User>(&id, UserCommand::RotateAdminKey { key_id, key: hashed(2) }).await.unwrap();
    house.ask::<User>(&id, UserCommand::Disable).await.unwrap();
    let pool = house.log.read_pool();
    let found = users::find(pool, user_id(1)).await.unwrap().unwrap().row;
    assert_eq!((found.admin_keys.get(&key_id), found.status), (Some(&hashed(2)), UserStatus::Disabled));
    house.ask::<User>(&id, UserCommand::RevokeAdminKey(key_id)).await.unwrap();
    assert!(users::list(pool, None, 10).await.unwrap()[0].row.admin_keys.is_empty());
    house.ask::<User>(&id, UserCommand::Delete).await.unwrap();
    assert_eq!(users::find(pool, user_id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn groups_prices_and_settings_are_what_was_last_set() {
    let house = House::open().await;
    let pool = house.log.read_pool();
    assert_eq!(settings::find(pool).await.unwrap().row.version, 0);

    let half = Ratio::try_from(500_000).unwrap();
    let vip = group("vip: first");
    let create = GroupCommand::Create { name: vip.clone(), ratio: Ratio::ONE };
    house.ask::<Group>(vip.as_str(), create).await.unwrap();
    house.ask::<Group>(vip.as_str(), GroupCommand::ChangeRatio { ratio: half }).await.unwrap();
    assert_eq!(groups::find(pool, &vip).await.unwrap().unwrap().row.ratio, half);
    assert_eq!(groups::find(pool, &GroupName::default_group()).await.unwrap(), None);

    for name in ["a", "b"] {
        let set = PriceListCommand::Set { model: model(name), price: Box::default() };
        house.ask::<PriceList>(LIST_ID, set).await.unwrap();
    }
    house.ask::<PriceList>(LIST_ID, PriceListCommand::Remove { model: model("a") }).await.unwrap();
    let listed = prices::list(pool, None, 10).await.unwrap();
    let listed: Vec<_> =
        listed.iter().map(|stored| (stored.row.model.as_str(), stored.row.version)).collect();
    assert_eq!(listed, [("b", 2)]);
    assert_eq!(prices::find(pool, &model("a")).await.unwrap(), None);

    let values = SettingsValues { default_price: Some(Box::<Price>::default()), ..SettingsValues::default() };
    house.ask::<Settings>(SETTINGS_ID, SettingsCommand::Change(Box::new(values.clone()))).await.unwrap();
    let found = settings::find(pool).await.unwrap();
    assert_eq!((found.row.values, found.row.version, found.version), (values, 1, 1));
}

#[tokio::test]
async fn what_is_refused_leaves_no_row() {
    let house = House::open().await;
    let mut spec = crate::fixtures::channel_spec("first");
    spec.keys.clear();
    let refused =
        house.ask::<Channel>(&channel_id(1).to_string(), ChannelCommand::Create(Box::new(spec))).await;
    assert!(refused.is_err());
    assert_eq!(channels::find(house.log.read_pool(), channel_id(1)).await.unwrap(), None);
}
