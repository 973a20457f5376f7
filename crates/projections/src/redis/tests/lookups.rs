//! What a node makes of values at the server that are forged, moved, old, or late.

use fred::types::CustomCommand;

use super::*;
use crate::{
    Directory,
    fixtures::unread,
    lookup::{LookupOutcome, TokenLookup, TokenOutOfReach},
};

const HASH: [u8; 32] = [0xa1; 32];

/// A server that knows two tokens, and a node that knows no more of the first than that it is there.
struct Node {
    rig: Rig,
    directory: Arc<Directory>,
}

impl Node {
    async fn open() -> Self {
        let rig = Rig::open().await;
        issue_token(&rig.house, 1, 1, 0xa1).await;
        issue_token(&rig.house, 2, 1, 0xa2).await;
        rig.catch_up(&rig.projector("a")).await;
        let directory = unread(&rig.house, 1, 0xa1);
        Self { rig, directory }
    }

    /// How a look-up ends that has but this server, and what was counted of it.
    async fn look(&self) -> (Result<bool, TokenOutOfReach>, Vec<LookupOutcome>) {
        let lookup = TokenLookup::new(self.directory.clone(), vec![Box::new(self.rig.reader())]);
        let found = lookup.find(&HASH).await;
        let counts = lookup.counts();
        let at_redis = counts.iter().filter(|count| count.tier == "redis").map(|count| count.outcome);
        (found.map(|found| found.is_some_and(|entry| entry.token_id == token_id(1))), at_redis.collect())
    }

    async fn set(&self, value: &str) {
        let key = self.rig.tokens_key().await;
        self.rig.raw(&["HSET", &key, &field(0xa1), value]).await;
    }

    async fn value(&self, key: u8) -> String {
        self.rig.text(&["HGET", &self.rig.tokens_key().await, &field(key)]).await
    }
}

#[tokio::test]
async fn a_value_that_was_forged_or_moved_lets_nobody_in_and_refuses_nobody() {
    let node = Node::open().await;
    let (good, others) = (node.value(0xa1).await, node.value(0xa2).await);
    for bad in [good.replace("enabled", "disable"), others, "none".into(), String::new()] {
        node.set(&bad).await;
        assert_eq!(node.look().await, (Err(TokenOutOfReach), vec![LookupOutcome::Forged]), "{bad}");
    }
    node.set(&good).await;
    assert_eq!(node.look().await, (Ok(true), vec![LookupOutcome::Found]));
}

#[tokio::test]
async fn a_value_that_is_older_than_what_was_heard_is_not_used() {
    let node = Node::open().await;
    let old = node.value(0xa1).await;
    let disable = ApiTokenCommand::Disable;
    node.rig.house.ask::<ApiToken>(&token_id(1).to_string(), disable).await.unwrap();
    let events = node.rig.house.log.reader().read(Log::Control, 1, 10).await.unwrap();
    node.directory.take(&events).unwrap();
    assert_eq!(node.look().await, (Err(TokenOutOfReach), vec![LookupOutcome::Older]));
    node.rig.catch_up(&node.rig.projector("a")).await;
    let new = node.value(0xa1).await;
    // Put back by somebody: it bears a mark.
    node.set(&old).await;
    assert_eq!(node.look().await, (Err(TokenOutOfReach), vec![LookupOutcome::Older]));
    node.set(&new).await;
    assert_eq!(node.look().await, (Ok(true), vec![LookupOutcome::Found]));
}

#[tokio::test]
async fn a_server_that_is_slow_wiped_or_gone_is_passed_over() {
    let node = Node::open().await;
    let pause = CustomCommand::new_static("CLIENT", None::<u16>, false);
    let _: Value = node.rig.client.custom(pause, vec!["PAUSE", "2000", "ALL"]).await.unwrap();
    assert_eq!(node.look().await, (Err(TokenOutOfReach), vec![LookupOutcome::Away]));
    node.rig.redis.kill().await;
    assert_eq!(node.look().await, (Err(TokenOutOfReach), vec![LookupOutcome::Away]));
    node.rig.redis.restart().await;
    // It comes back empty, and the connection to it after it.
    while node.look().await != (Err(TokenOutOfReach), vec![LookupOutcome::Missing]) {}
    node.rig.catch_up(&node.rig.projector("b")).await;
    assert_eq!(node.look().await, (Ok(true), vec![LookupOutcome::Found]));
}
