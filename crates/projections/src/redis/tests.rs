//! Projectors and readers at a real Redis server.

mod answers;
mod lookups;

use std::{sync::Arc, time::Duration};

use domain::{
    ApiTokenId, Log,
    api_token::{ApiToken, ApiTokenCommand},
    channel::{Channel, ChannelCommand, DisabledBy},
    group::{Group, GroupCommand},
    price::Ratio,
    user::{User, UserCommand},
};
use eventlog::{MasterKey, Sealer};
use fred::{
    clients::Client,
    interfaces::ClientLike,
    types::{
        Builder, Value,
        config::{Config, ReconnectPolicy},
        scripts::Script,
    },
};
use servers::Redis;

use super::{
    RedisModelError, RedisProjector, RedisReader,
    keys::{Keys, Rows},
    projector::Step,
    scripts::{Answer, run},
};
use crate::fixtures::{
    House, channel_id, create_channel, create_user, group, hashed, issue_token, token_id, user_id,
};

/// More than any test needs.
const STEPS_MAX: usize = 20;

/// An installation with a Redis server.
pub(super) struct Rig {
    pub(super) house: House,
    pub(super) redis: Redis,
    pub(super) client: Client,
    pub(super) sealer: Sealer,
}

impl Rig {
    pub(super) async fn open() -> Self {
        let (house, redis) = (House::open().await, Redis::start().await);
        let client = connect(&redis);
        let sealer = house.log.sealer().clone();
        Self { house, redis, client, sealer }
    }

    fn projector(&self, node: &str) -> RedisProjector {
        RedisProjector::new(self.client.clone(), self.sealer.clone(), node.into())
    }

    pub(super) fn reader(&self) -> RedisReader {
        RedisReader::new(self.client.clone(), self.sealer.clone())
    }

    async fn step(&self, projector: &RedisProjector) -> Step {
        projector.step(self.house.log.reader()).await.unwrap()
    }

    /// Steps until there is nothing new.
    async fn catch_up(&self, projector: &RedisProjector) {
        let mut steps = Vec::new();
        while steps.len() < STEPS_MAX {
            steps.push(self.step(projector).await);
            if steps.ends_with(&[Step::Idle]) {
                return;
            }
        }
        panic!("it never comes to an end: {steps:?}");
    }

    async fn rotate(&self, token: u128, key: u8) {
        let id = token_id(token).to_string();
        self.house.ask::<ApiToken>(&id, ApiTokenCommand::Rotate(hashed(key))).await.unwrap();
    }

    /// Which token has the key with this hash, and of which version that is.
    async fn found(&self, key: u8) -> Option<(ApiTokenId, u64)> {
        let found = self.reader().token(&[key; 32]).await.unwrap();
        found.map(|found| (found.row.token_id, found.version))
    }

    /// Any command, as somebody who can reach the server.
    pub(super) async fn raw(&self, command: &[&str]) -> Value {
        let script = Script::from_lua("return redis.call(unpack(ARGV))");
        let arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
        script.evalsha_with_reload(&self.client, Vec::<String>::new(), arguments).await.unwrap()
    }

    pub(super) async fn text(&self, command: &[&str]) -> String {
        self.raw(command).await.into_string().unwrap()
    }

    async fn tokens_key(&self) -> String {
        let keys = Keys::of(&self.sealer);
        keys.key(&self.text(&["GET", &keys.active()]).await, Rows::Tokens)
    }
}

fn connect(redis: &Redis) -> Client {
    let config = Config { fail_fast: false, ..Config::from_url(&redis.url()).unwrap() };
    let client = Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.internal_command_timeout = Duration::from_secs(1);
            connection.max_command_attempts = 1;
        })
        .with_performance_config(|performance| performance.default_command_timeout = Duration::from_secs(1))
        .set_policy(ReconnectPolicy::new_constant(0, 50))
        .build()
        .unwrap();
    drop(client.connect());
    client
}

fn field(key: u8) -> String {
    hex::encode([key; 32])
}

#[tokio::test]
async fn tokens_users_groups_and_channels_are_read_as_the_tables_have_them() {
    let rig = Rig::open().await;
    let projector = rig.projector("a");
    create_user(&rig.house, 1).await;
    issue_token(&rig.house, 1, 1, 0xa1).await;
    rig.catch_up(&projector).await;
    // Some was there when it began, the rest comes as events.
    create_channel(&rig.house, 1).await;
    issue_token(&rig.house, 2, 1, 0xa2).await;
    let half = Ratio::try_from(500_000).unwrap();
    let create = GroupCommand::Create { name: group("vip"), ratio: half };
    rig.house.ask::<Group>("vip", create).await.unwrap();
    rig.catch_up(&projector).await;

    let reader = rig.reader();
    for (token, key) in [(1, 0xa1), (2, 0xa2)] {
        let found = reader.token(&[key; 32]).await.unwrap().unwrap();
        assert_eq!((found.row.token_id, found.version), (token_id(token), 1));
        assert_eq!(found.row.spec.user_id, user_id(1));
        assert_eq!(found.row.spec.name, "", "what people call it is left to the table");
    }
    let user = reader.user(user_id(1)).await.unwrap().unwrap().row;
    assert_eq!((user.name.0.as_str(), user.login), ("", None), "nobody is named there");
    assert_eq!(reader.group(&group("vip")).await.unwrap().unwrap().row.ratio, half);
    assert_eq!(reader.channels().await.unwrap().unwrap(), *rig.house.loaded().await.channels());
    assert_eq!(rig.found(0xff).await, None);
}

#[tokio::test]
async fn a_key_that_was_replaced_a_revoked_token_and_a_deleted_user_are_gone() {
    let rig = Rig::open().await;
    let projector = rig.projector("a");
    create_user(&rig.house, 1).await;
    issue_token(&rig.house, 1, 1, 0xa1).await;
    issue_token(&rig.house, 2, 1, 0xa2).await;
    create_channel(&rig.house, 1).await;
    rig.catch_up(&projector).await;

    rig.rotate(1, 0xb1).await;
    let revoke = ApiTokenCommand::Revoke;
    rig.house.ask::<ApiToken>(&token_id(2).to_string(), revoke).await.unwrap();
    rig.house.ask::<User>(&user_id(1).to_string(), UserCommand::Delete).await.unwrap();
    let disable = ChannelCommand::Disable(DisabledBy::Admin);
    rig.house.ask::<Channel>(&channel_id(1).to_string(), disable).await.unwrap();
    rig.catch_up(&projector).await;
    assert_eq!([rig.found(0xa1).await, rig.found(0xa2).await], [None, None]);
    assert_eq!(rig.found(0xb1).await, Some((token_id(1), 2)));
    assert_eq!(rig.reader().user(user_id(1)).await.unwrap(), None);
    let channels = rig.reader().channels().await.unwrap().unwrap();
    assert_eq!(channels[0].disabled, Some(DisabledBy::Admin));
    // Nor is it brought back when all of it is made anew.
    rig.redis.wipe().await;
    assert_eq!(rig.found(0xb1).await, None, "a server that was wiped knows nobody");
    rig.catch_up(&projector).await;
    assert_eq!([rig.found(0xa1).await, rig.found(0xa2).await], [None, None]);
    assert_eq!(rig.found(0xb1).await, Some((token_id(1), 2)));
}

#[tokio::test]
async fn a_value_that_was_forged_changed_or_moved_is_refused() {
    let rig = Rig::open().await;
    let projector = rig.projector("a");
    for (token, key) in [(1, 0xa1), (2, 0xa2)] {
        issue_token(&rig.house, token, 1, key).await;
    }
    rig.catch_up(&projector).await;
    let (tokens, reader) = (rig.tokens_key().await, rig.reader());
    let (one, two) = (field(0xa1), field(0xa2));
    let value = rig.text(&["HGET", &tokens, &one]).await;
    let (mark, rest) = value.split_once(' ').unwrap();
    let forged = [
        String::from("{}"),
        String::new(),
        value.replace("enabled", "disabled"),
        format!("{mark} 9{rest}"),
        format!("{} {rest}", "0".repeat(64)),
        rig.text(&["HGET", &tokens, &two]).await,
    ];
    for forged in forged {
        assert_ne!(forged, value);
        rig.raw(&["HSET", &tokens, &one, &forged]).await;
        let read = reader.token(&[0xa1; 32]).await;
        assert!(matches!(read, Err(RedisModelError::Forged)), "{forged}: {read:?}");
    }
    // Nor does a value count that another master key marked, or that stood in another generation.
    let other = Sealer::new(&MasterKey::random().unwrap());
    let said = super::value::Said { key: &tokens, field: &one, position: 1, text: "{}" };
    rig.raw(&["HSET", &tokens, &one, &said.write(&other)]).await;
    assert!(matches!(reader.token(&[0xa1; 32]).await, Err(RedisModelError::Forged)));
    let keys = Keys::of(&rig.sealer);
    rig.raw(&["HSET", &keys.key("moved", Rows::Tokens), &one, &value]).await;
    rig.raw(&["SET", &keys.active(), "moved"]).await;
    assert!(matches!(reader.token(&[0xa1; 32]).await, Err(RedisModelError::Forged)));
    // A pointer to nowhere is noticed, and all of it made anew.
    rig.catch_up(&projector).await;
    assert_eq!(rig.found(0xa1).await, Some((token_id(1), 1)));
}

#[tokio::test]
async fn a_server_that_is_away_or_wiped_has_it_all_again_once_it_is_back() {
    let mut rig = Rig::open().await;
    issue_token(&rig.house, 1, 1, 0xa1).await;
    let projector = rig.projector("a");
    rig.house.tasks.spawn(Arc::new(projector).follow(rig.house.log.clone()));
    until_found(&rig, 0xa1).await;
    rig.redis.kill().await;
    issue_token(&rig.house, 2, 1, 0xa2).await;
    assert!(rig.reader().token(&[0xa1; 32]).await.is_err(), "away is not unknown");
    rig.redis.restart().await;
    until_found(&rig, 0xa1).await;
    until_found(&rig, 0xa2).await;
    rig.redis.wipe().await;
    until_found(&rig, 0xa1).await;
    issue_token(&rig.house, 3, 1, 0xa3).await;
    until_found(&rig, 0xa3).await;
}

/// Asks until the projector has brought it.
async fn until_found(rig: &Rig, key: u8) {
    for _ in 0..600 {
        if let Ok(Some(_)) = rig.reader().token(&[key; 32]).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the token is not found");
}

#[tokio::test]
async fn another_log_under_the_same_master_key_takes_the_place_of_what_was_there() {
    let rig = Rig::open().await;
    issue_token(&rig.house, 1, 1, 0xa1).await;
    rig.catch_up(&rig.projector("a")).await;
    let before = rig.tokens_key().await;
    let Rig { redis, client, sealer, .. } = rig;
    let rig = Rig { house: House::open().await, redis, client, sealer };
    issue_token(&rig.house, 2, 1, 0xa2).await;
    assert_eq!(rig.step(&rig.projector("b")).await, Step::Anew(Answer::Applied));
    assert_eq!((rig.found(0xa1).await, rig.found(0xa2).await), (None, Some((token_id(2), 1))));
    assert_eq!(rig.raw(&["EXISTS", &before]).await.as_u64(), Some(0), "what was replaced is gone");
}

#[tokio::test]
async fn two_projectors_at_once_leave_what_one_would() {
    let rig = Rig::open().await;
    let (a, b) = (rig.projector("a"), rig.projector("b"));
    for token in 1..=20 {
        issue_token(&rig.house, token, 1, token.try_into().unwrap()).await;
    }
    // Both make it anew: one of them is quicker, and the other leaves nothing.
    let reader = rig.house.log.reader();
    let nothing = super::projector::Found::default();
    let made = tokio::join!(a.rebuild(reader, &nothing), b.rebuild(reader, &nothing));
    let mut made = [made.0.unwrap(), made.1.unwrap()];
    made.sort_by_key(|answer| *answer == Answer::Duplicate);
    assert_eq!(made, [Answer::Applied, Answer::Duplicate]);
    let left = rig.raw(&["DBSIZE"]).await.as_u64();
    assert_eq!(left, Some(5), "which one is active, its place, tokens, their hashes, channels");
    for token in 1..=20 {
        rig.rotate(token, (100 + token).try_into().unwrap()).await;
        let (one, other) = tokio::join!(rig.step(&a), rig.step(&b));
        assert!(!matches!((one, other), (Step::Anew(_), _) | (_, Step::Anew(_))), "{one:?} {other:?}");
    }
    rig.catch_up(&a).await;
    assert_eq!(rig.step(&b).await, Step::Idle);
    for token in 1..=20 {
        let (before, now) = (u8::try_from(token).unwrap(), u8::try_from(100 + token).unwrap());
        assert_eq!((rig.found(before).await, rig.found(now).await), (None, Some((token_id(token), 2))));
    }
}
