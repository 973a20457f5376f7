//! Nodes at a real Redis server.

use std::time::Duration;

use eventlog::MasterKey;
use servers::Redis;

use super::*;
use crate::redis;

const SUBJECT: &str = "token:1";

struct Rig {
    redis: Redis,
    sealer: Sealer,
}

impl Rig {
    async fn new() -> Self {
        Self { redis: Redis::start().await, sealer: Sealer::new(&MasterKey::random().unwrap()) }
    }

    fn board(&self, node: &str) -> LimitBoard {
        LimitBoard::new(redis::connect(&self.redis.url()).unwrap(), self.sealer.clone(), node.into())
    }
}

fn counts(requests: u64, open: u32) -> CallCounts {
    let mut counts = CallCounts { open, ..CallCounts::default() };
    (counts.requests[0], counts.tokens[1]) = (requests, 10 * requests);
    counts
}

async fn told(board: &LimitBoard, counts: CallCounts) -> Tally {
    board.exchange(&[(SUBJECT.into(), counts)]).await.unwrap()
}

/// Tries until the server is there again.
async fn told_again(board: &LimitBoard, counts: CallCounts) -> Tally {
    for _ in 0..100 {
        if let Ok(tally) = board.exchange(&[(SUBJECT.into(), counts)]).await {
            return tally;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server is not found again");
}

#[tokio::test]
async fn each_node_hears_the_sum_of_all_others_and_what_is_told_anew_takes_the_place_of_what_was() {
    let rig = Rig::new().await;
    let [a, b, c] = ["a", "b", "c"].map(|node| rig.board(node));
    assert_eq!(told(&a, counts(3, 1)).await.others, [CallCounts::default()]);
    assert_eq!(told(&b, counts(4, 2)).await.others, [counts(3, 1)]);
    assert_eq!(told(&c, counts(0, 0)).await.others, [counts(7, 3)]);
    told(&a, counts(5, 0)).await;
    told(&a, counts(5, 0)).await;
    let heard = c
        .exchange(&[("token:2".into(), counts(1, 0)), (SUBJECT.into(), CallCounts::default())])
        .await
        .unwrap();
    assert_eq!((heard.nodes, heard.others), (3, vec![CallCounts::default(), counts(9, 2)]));
}

#[tokio::test]
async fn to_tell_nothing_says_that_a_node_is_there() {
    let rig = Rig::new().await;
    let (a, b) = (rig.board("a"), rig.board("b"));
    let first = a.exchange(&[]).await.unwrap();
    assert_eq!((first.nodes, first.others), (1, Vec::new()));
    let second = b.exchange(&[]).await.unwrap();
    assert_eq!((second.nodes, second.epoch), (2, first.epoch));
}

#[tokio::test]
async fn a_server_that_has_lost_everything_is_in_another_epoch() {
    let rig = Rig::new().await;
    let (a, b) = (rig.board("a"), rig.board("b"));
    let before = told(&a, counts(3, 1)).await.epoch;
    rig.redis.wipe().await;
    let after = told(&b, counts(1, 0)).await;
    assert_ne!(after.epoch, before);
    assert_eq!((after.nodes, after.others), (1, vec![CallCounts::default()]));
    let told = told(&a, counts(3, 1)).await;
    assert_eq!((told.nodes, told.epoch, told.others), (2, after.epoch, vec![counts(1, 0)]));
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_is_found_again() {
    let rig = Rig::new().await;
    let a = rig.board("a");
    told(&a, counts(3, 1)).await;
    rig.redis.kill().await;
    let away = a.exchange(&[(SUBJECT.into(), counts(3, 1))]).await;
    assert!(matches!(away, Err(LimitBoardError::Redis(_))), "{away:?}");
    rig.redis.restart().await;
    assert_eq!(told_again(&a, counts(3, 1)).await.nodes, 1);
}

#[tokio::test]
async fn what_a_stranger_writes_is_left_out_and_another_installation_does_not_meet() {
    let rig = Rig::new().await;
    let (a, b) = (rig.board("a"), rig.board("b"));
    told(&a, counts(3, 1)).await;
    let key = format!("{}of:{SUBJECT}", a.prefix);
    let forge = Script::from_lua("return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])");
    let tomorrow = "9999999999999 900 0:900:900 00";
    for (node, text) in [("c", tomorrow), ("d", "no number"), ("a", tomorrow)] {
        let _: i64 = forge.evalsha_with_reload(&b.client, key.clone(), vec![node, text]).await.unwrap();
    }
    assert_eq!(told(&b, counts(1, 0)).await.others, [CallCounts::default()]);
    told(&a, counts(3, 1)).await;
    assert_eq!(told(&b, counts(1, 0)).await.others, [counts(3, 1)]);

    let other = Rig { redis: rig.redis.clone(), sealer: Sealer::new(&MasterKey::random().unwrap()) };
    let heard = told(&other.board("z"), counts(0, 0)).await;
    assert_eq!((heard.nodes, heard.others), (1, vec![CallCounts::default()]));
}

#[test]
fn what_no_server_can_be_is_no_address() {
    for (url, is_one) in [
        ("redis://127.0.0.1", true),
        ("rediss://name:password@redis.example:6380", true),
        ("redis-cluster://10.0.0.1:6379?node=10.0.0.2:6379", true),
        ("http://127.0.0.1", false),
        ("redis:", false),
        ("", false),
    ] {
        assert_eq!(redis::is_address(url), is_one, "{url}");
    }
}
