//! Whatever is done, the memory holds what the tables hold.

use std::{collections::HashSet, sync::Arc};

use domain::{
    AdminKeyId, BudgetId, JournalId, Log, ModelName, Nanos, Sealed, SessionId, TimeStamp,
    api_token::{ApiToken, ApiTokenChange, ApiTokenCommand},
    budget::{Budget, BudgetCommand, Holder, Period},
    channel::{Channel, ChannelChange, ChannelCommand, DisabledBy},
    group::{Group, GroupCommand},
    journal::{Journal, JournalCommand},
    node::{Node, NodeCommand, NodeKey},
    price::Ratio,
    price_list::{LIST_ID, PriceList, PriceListCommand},
    session::{Session, SessionCommand, SessionEnd},
    settings::{SETTINGS_ID, Settings, SettingsCommand, SettingsValues},
    user::{ClaimedLogin, User, UserCommand},
};
use eventlog::PAGE_MAX;
use uuid::Uuid;

use super::{
    super::{
        Directory,
        token::{TokenEntry, sha256},
        tokens::Tokens,
    },
    files::{needed, restored, written_anew},
    token,
};
use crate::{
    budgets, channels,
    fixtures::{
        House, channel_id, channel_key, channel_spec, group, hashed, model, token_id, token_spec,
        user_command, user_id,
    },
    groups,
    journal_owners::JournalOwnerRow,
    nodes, prices,
    sessions::SessionRow,
    settings, tokens,
    tokens::TokenState,
    users,
};

/// The same numbers for the same seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// Does something, sensible or not; refusals are part of it.
async fn anything(house: &House, dice: &mut Dice) {
    let n = u128::from(dice.below(4));
    let _ = match dice.below(10) {
        9 => house.ask::<Node>(&node_key(n).node_id().to_string(), node_command(n, dice)).await,
        8 => house.ask::<Journal>(&journal_id(n).to_string(), journal_command(dice)).await,
        7 => house.ask::<Budget>(&budget_id(n).to_string(), budget_command(n, dice)).await,
        0 => house.ask::<Channel>(&channel_id(n).to_string(), channel_command(dice)).await,
        1 => house.ask::<ApiToken>(&token_id(n).to_string(), token_command(dice)).await,
        2 => house.ask::<User>(&user_id(n).to_string(), a_user_command(n, dice)).await,
        3 => house.ask::<Group>(&format!("g{n}"), group_command(n, dice)).await,
        5 => house.ask::<Session>(&session_id(n).to_string(), session_command(n, dice)).await,
        4 => house.ask::<PriceList>(LIST_ID, price_command(model(&format!("m{n}")), dice)).await,
        _ => {
            let default_price = (dice.below(2) == 0).then(Box::default);
            let values = Box::new(SettingsValues { default_price, ..SettingsValues::default() });
            house.ask::<Settings>(SETTINGS_ID, SettingsCommand::Change(values)).await
        }
    };
}

fn channel_command(dice: &mut Dice) -> ChannelCommand {
    match dice.below(7) {
        0 | 1 => ChannelCommand::Create(Box::new(channel_spec("first"))),
        2 => ChannelCommand::Change(Box::new(ChannelChange {
            priority: Some(i32::from(dice.byte())),
            ..ChannelChange::default()
        })),
        3 => ChannelCommand::RotateKeys(vec![channel_key(u128::from(dice.byte()))]),
        4 => ChannelCommand::Enable,
        5 => ChannelCommand::Disable(DisabledBy::Admin),
        _ => ChannelCommand::Delete,
    }
}

fn token_command(dice: &mut Dice) -> ApiTokenCommand {
    let key = hashed(dice.byte());
    match dice.below(7) {
        0 | 1 => ApiTokenCommand::Issue { spec: Box::new(token_spec(dice.below(4).into())), key },
        2 => ApiTokenCommand::Change(Box::new(ApiTokenChange {
            allowed_ips: Some(None),
            name: Some(format!("name {}", dice.byte())),
            ..ApiTokenChange::default()
        })),
        3 => ApiTokenCommand::Rotate(key),
        4 => ApiTokenCommand::Enable,
        5 => ApiTokenCommand::Disable,
        _ if dice.below(4) == 0 => ApiTokenCommand::Revoke,
        _ => ApiTokenCommand::Enable,
    }
}

fn a_user_command(n: u128, dice: &mut Dice) -> UserCommand {
    let key_id = AdminKeyId(Uuid::from_u128(n * 10 + u128::from(dice.below(3))));
    let key = hashed(dice.byte());
    match dice.below(10) {
        0 | 1 => user_command(n),
        7 => UserCommand::SetLogin(ClaimedLogin {
            claim: format!("c{}", n * 4 + u128::from(dice.below(4))),
            name: Sealed("n".into()),
        }),
        8 => UserCommand::SetPassword(Sealed("p".into())),
        9 => UserCommand::SignOut,
        2 => UserCommand::IssueAdminKey { key_id, key },
        3 => UserCommand::RotateAdminKey { key_id, key },
        4 => UserCommand::RevokeAdminKey(key_id),
        5 => UserCommand::ChangeGroup(group(&format!("g{}", dice.below(4)))),
        _ if dice.below(4) == 0 => UserCommand::Delete,
        _ => UserCommand::Disable,
    }
}

fn session_id(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(0x500 + n))
}

fn session_command(n: u128, dice: &mut Dice) -> SessionCommand {
    let at = TimeStamp::from_micros(i64::from(dice.byte()));
    match dice.below(5) {
        0 | 1 => SessionCommand::Open { user_id: user_id(n % 2), epoch: 0, expires_at: at.plus_ms(100) },
        2 | 3 => SessionCommand::Refresh { generation: u32::try_from(dice.below(3)).unwrap(), at },
        _ => SessionCommand::End(SessionEnd::SignedOut),
    }
}

fn node_key(n: u128) -> NodeKey {
    NodeKey::new(&format!("{n:064x}")).unwrap()
}

fn node_command(n: u128, dice: &mut Dice) -> NodeCommand {
    match dice.below(3) {
        0 => NodeCommand::Revoke,
        _ => NodeCommand::Enrol { name: format!("n{n}"), public_key: node_key(n) },
    }
}

fn journal_id(n: u128) -> JournalId {
    JournalId(Uuid::from_u128(0x700 + n))
}

fn journal_command(dice: &mut Dice) -> JournalCommand {
    JournalCommand::Assign(node_key(dice.below(4).into()).node_id())
}

fn budget_id(n: u128) -> BudgetId {
    BudgetId(Uuid::from_u128(0x600 + n))
}

/// Few holders, so that some hold several.
fn holders() -> [Holder; 3] {
    [Holder::Token(token_id(0)), Holder::User(user_id(0)), Holder::Group(group("g0"))]
}

fn budget_command(n: u128, dice: &mut Dice) -> BudgetCommand {
    let limit = Nanos::new(u64::from(dice.byte())).unwrap();
    let holder = holders()[usize::from(dice.byte()) % 3].clone();
    match dice.below(4) {
        0 | 1 => BudgetCommand::Open { budget_id: budget_id(n), holder, period: Period::Day, limit },
        2 => BudgetCommand::ChangeLimit(limit),
        _ => BudgetCommand::Close,
    }
}

fn group_command(n: u128, dice: &mut Dice) -> GroupCommand {
    let ratio = Ratio::try_from(u32::from(dice.byte())).unwrap();
    match dice.below(3) {
        0 => GroupCommand::Create { name: group(&format!("g{n}")), ratio },
        1 => GroupCommand::ChangeRatio { ratio },
        _ => GroupCommand::Delete,
    }
}

fn price_command(model: ModelName, dice: &mut Dice) -> PriceListCommand {
    match dice.below(3) {
        0 => PriceListCommand::Remove { model },
        _ => PriceListCommand::Set { model, price: super::price(dice.byte().into()) },
    }
}

async fn assert_equal(house: &House, directory: &Arc<Directory>) {
    same_channels_and_users(house, directory).await;
    same_tokens(house, directory).await;
    same_prices(house, directory).await;
    same_sessions(house, directory).await;
    same_budgets(house, directory).await;
    same_nodes(house, directory).await;
}

async fn same_channels_and_users(house: &House, directory: &Directory) {
    let pool = house.log.read_pool();
    let channels = channels::list(pool, None, 100).await.unwrap();
    assert!(directory.channels().iter().eq(channels.iter().map(|stored| &stored.row)));
    let users = users::list(pool, None, 100).await.unwrap();
    let state = directory.state.read();
    assert!(state.users.values().map(|row| &**row).eq(users.iter().map(|stored| &stored.row)));
    for user in &users {
        let login = user.row.login.as_ref().and_then(|login| state.login(&login.claim));
        assert_eq!(login, user.row.login.as_ref().map(|_| user.row.user_id));
    }
    let claimed = users.iter().filter(|stored| stored.row.login.is_some()).count();
    assert_eq!((0..16).filter(|n| state.login(&format!("c{n}")).is_some()).count(), claimed);
    let keys = users.iter().flat_map(|stored| &stored.row.admin_keys).filter_map(|(_, key)| sha256(key));
    let keys: HashSet<_> = keys.collect();
    for hash in (0..=u8::MAX).map(|byte| [byte; 32]) {
        assert_eq!(state.admin_key(&hash).is_some(), keys.contains(&hash), "{hash:02x?}");
    }
}

async fn same_tokens(house: &House, directory: &Arc<Directory>) {
    let listed = tokens::list(house.log.read_pool(), None, None, 100).await.unwrap();
    let kept = listed.iter().filter(|stored| stored.row.state != TokenState::Revoked);
    let kept: Vec<TokenEntry> = kept.map(|stored| TokenEntry::of(stored.version, &stored.row)).collect();
    {
        let state = directory.state.read();
        let Tokens::Held(held) = &state.tokens else { panic!("it has them all in memory") };
        assert!(held.all().eq(&kept));
    }
    for byte in 0..=u8::MAX {
        let found = token(directory, byte).await;
        let expected: Vec<_> = kept.iter().filter(|entry| entry.has_key(&[byte; 32])).collect();
        assert_eq!(found.is_some(), !expected.is_empty(), "{byte:02x}");
        assert!(found.as_deref().is_none_or(|found| expected.contains(&found)), "{byte:02x}");
    }
}

async fn same_budgets(house: &House, directory: &Directory) {
    let pool = house.log.read_pool();
    let listed = budgets::list(pool, None, None, 100).await.unwrap();
    let rows: Vec<_> = listed.iter().map(|stored| stored.row.clone()).collect();
    assert!(directory.state.read().budgets.values().map(|row| &**row).eq(&rows));
    let mut bound = Vec::new();
    for holder in holders() {
        let of = budgets::list(pool, Some(&holder), None, 100).await.unwrap();
        assert!(
            of.iter()
                .map(|stored| &stored.row)
                .eq(rows.iter().filter(|row| row.holder.as_ref() == Some(&holder)))
        );
        let open = of.iter().filter(|stored| stored.row.binding().is_some());
        let open: Vec<_> = open.map(|stored| stored.row.clone()).collect();
        assert!(directory.budgets_of(&holder).iter().map(|row| &**row).eq(&open));
        bound.extend(open.iter().filter_map(budgets::BudgetRow::binding));
    }
    assert_eq!(directory.budgets(token_id(0), user_id(0), &group("g0")), bound);
    assert_eq!(directory.budgets(token_id(1), user_id(1), &group("g1")), []);
}

async fn same_nodes(house: &House, directory: &Directory) {
    let pool = house.log.read_pool();
    let nodes = nodes::list(pool, None, 100).await.unwrap();
    assert_eq!(directory.nodes(), nodes.len());
    for stored in nodes {
        assert_eq!(directory.node(stored.row.node_id).as_deref(), Some(&stored.row));
    }
    let owners = crate::model::list::<JournalOwnerRow>(pool, None, 100, None).await.unwrap();
    let owner = |n| owners.iter().find(|stored| stored.row.journal_id == journal_id(n));
    for n in 0..4 {
        assert_eq!(directory.journal_owner(journal_id(n)), owner(n).map(|stored| stored.row.node_id));
    }
}

async fn same_sessions(house: &House, directory: &Directory) {
    let listed = crate::model::list::<SessionRow>(house.log.read_pool(), None, 100, None).await.unwrap();
    let state = directory.state.read();
    assert!(state.sessions.values().map(|row| &**row).eq(listed.iter().map(|stored| &stored.row)));
    for user in (0..2).map(user_id) {
        let own = listed.iter().map(|stored| stored.row).filter(|row| row.user_id == user);
        assert!(state.sessions_of(user).iter().map(|row| **row).eq(own));
    }
}

async fn same_prices(house: &House, directory: &Directory) {
    let pool = house.log.read_pool();
    let groups = groups::list(pool, None, 100).await.unwrap();
    let prices = prices::list(pool, None, 100).await.unwrap();
    let settings = settings::find(pool).await.unwrap();
    let state = directory.state.read();
    assert!(state.groups.values().map(|row| &**row).eq(groups.iter().map(|stored| &stored.row)));
    assert!(state.prices.values().map(|row| &**row).eq(prices.iter().map(|stored| &stored.row)));
    let set = state.settings.get(SETTINGS_ID).map(|row| (**row).clone()).unwrap_or_default();
    assert_eq!(set, settings.row);
}

#[tokio::test]
async fn after_any_commands_the_directory_is_what_the_tables_are() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut house = House::open().await;
        let follower = house.directory().await;
        for _ in 0..6 {
            for _ in 0..25 {
                anything(&house, &mut dice).await;
            }
            let head = house.log.subscribe().borrow().control;
            follower.positions().wait_for(|position| *position >= head).await.unwrap();
            assert_equal(&house, &follower).await;
            assert_equal(&house, &Directory::load(&house.log).await.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_begun_at_any_time_and_told_the_rest_is_what_the_tables_are_to_calls() {
    for seed in 10..14 {
        let mut dice = Dice(seed);
        let house = House::open().await;
        let empty = house.loaded().await;
        let mut copies = vec![restored(needed(&empty).as_bytes()).unwrap()];
        for _ in 0..6 {
            for _ in 0..25 {
                anything(&house, &mut dice).await;
            }
            let loaded = house.loaded().await;
            for copy in &copies {
                let rest = house.log.reader().read(Log::Control, copy.position(), PAGE_MAX).await.unwrap();
                // Some of it is known when the file is written, some comes while it is, the rest afterwards.
                let mut rest = rest.chunks(1 + rest.len() / 3);
                copy.take(rest.next().unwrap_or_default()).unwrap();
                written_anew(copy, || copy.take(rest.next().unwrap_or_default()).unwrap());
                rest.for_each(|rest| copy.take(rest).unwrap());
                assert_eq!(copy.place(), loaded.place());
                assert_eq!(needed(copy), needed(&loaded));
                same_answers(copy, &loaded).await;
            }
            // Begun from what the tables are, and from what another copy wrote.
            copies.push(restored(needed(&loaded).as_bytes()).unwrap());
            copies.push(restored(needed(&copies[0]).as_bytes()).unwrap());
        }
        let last = house.loaded().await;
        let before = copies[0].channels_version();
        for copy in &copies[..2] {
            copy.rebuild(super::files::file(needed(&last).as_bytes())).unwrap();
            same_answers(copy, &last).await;
        }
        assert_ne!(copies[0].channels_version(), before, "what was made of its channels is not these");
        assert_eq!(needed(&copies[1]), needed(&last));
    }
}

async fn same_answers(copy: &Arc<Directory>, loaded: &Arc<Directory>) {
    for byte in 0..=u8::MAX {
        assert_eq!(token(copy, byte).await, token(loaded, byte).await, "{byte:02x}");
        assert_eq!(copy.admin_key(&[byte; 32]), None);
    }
    assert_eq!(*copy.channels(), *loaded.channels());
    for n in 0..4 {
        let (one, other) = (copy.user(user_id(n)), loaded.user(user_id(n)));
        let paid =
            |row: Option<Arc<users::UserRow>>| row.map(|row| (row.account_id, row.group.clone(), row.status));
        assert_eq!(paid(one), paid(other));
        let (name, group) = (model(&format!("m{n}")), group(&format!("g{n}")));
        assert_eq!(copy.price(&name, &group), loaded.price(&name, &group));
        let bound = |directory: &Directory| directory.budgets(token_id(n), user_id(n), &group);
        assert_eq!(bound(copy), bound(loaded));
    }
}
