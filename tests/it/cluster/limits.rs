//! What several nodes serve is limited on all of them together, and goes on without what they count by.

use http::StatusCode;
use serde_json::json;
use servers::Redis;
use tests::{
    ApiClient, Cluster, Launch, Veloera, admin::text, client::chat, price::MODEL, wait, world::SEEN_MAX,
};

use super::{at, short, until_status};

const LIMIT: usize = 60;
/// What each of two nodes may admit before it has told the other: a quarter.
const SHARE: usize = 15;
/// So many refusals one after another, at both nodes in turn, and there is nothing left.
const REFUSALS: usize = 40;

/// The value of a figure, which one of the node's lines begins with.
pub(super) async fn figure(node: &Veloera, name: &str) -> Option<u64> {
    let answer = at(node, "").get("/metrics").await.ok()?;
    let text = String::from_utf8(answer.body.to_vec()).ok()?;
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

async fn until_figures(nodes: [&Veloera; 2], name: &str, value: u64) {
    for node in nodes {
        let what = format!("{name} {value}");
        wait::until(&what, SEEN_MAX, async || (figure(node, name).await? == value).then_some(())).await;
    }
}

/// Calls at both nodes in turn until nothing is left, or `most` were answered; how many were.
async fn answered(clients: &[ApiClient; 2], most: usize) -> usize {
    let (mut answered, mut refused) = (0, 0);
    for client in clients.iter().cycle() {
        if refused == REFUSALS || answered == most {
            break;
        }
        let answer = client.chat(&chat(MODEL, "Hello")).await.unwrap();
        if answer.status == StatusCode::OK {
            (answered, refused) = (answered + 1, 0);
            continue;
        }
        assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded", "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        refused += 1;
        // They tell one another meanwhile.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    answered
}

async fn limited(cluster: &Cluster) -> [ApiClient; 2] {
    let limits = json!({ "requests_per_minute": LIMIT });
    let made = cluster.world.admin().create("/tokens", json!({ "name": "limited", "limits": limits })).await;
    let clients = nodes(cluster).map(|node| at(node, &text(&made["key"])));
    for client in &clients {
        until_status(client, 200).await;
    }
    clients
}

fn nodes(cluster: &Cluster) -> [&Veloera; 2] {
    [cluster.world.carrier(), &cluster.relays[0]]
}

async fn counting_together(redis: &Redis) -> Cluster {
    let cluster = Cluster::start(2, Launch::default().set("REDIS_URL", redis.url()), short).await;
    until_figures(nodes(&cluster), "veloera_limits_nodes", 2).await;
    until_figures(nodes(&cluster), "veloera_limits_away", 0).await;
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gets_all_of_its_limit_over_two_nodes_and_little_more() {
    let redis = Redis::start().await;
    let cluster = counting_together(&redis).await;
    let clients = limited(&cluster).await;
    let answered = answered(&clients, usize::MAX).await;
    assert!((LIMIT..=LIMIT + 2 * SHARE).contains(&answered), "{answered}");
    let refused = "veloera_limited_total{limiter=\"token\",metered=\"requests\"}";
    assert!(figure(cluster.world.carrier(), refused).await.unwrap() > 0);
    cluster.world.charges(answered).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_is_killed_calls_go_on_each_node_keeps_to_its_part_and_they_find_one_another_again() {
    const BEFORE: usize = 10;
    let redis = Redis::start().await;
    let cluster = counting_together(&redis).await;
    let clients = limited(&cluster).await;
    assert_eq!(answered(&clients, BEFORE).await, BEFORE);
    redis.kill().await;
    until_figures(nodes(&cluster), "veloera_limits_away", 1).await;
    let after = answered(&clients, usize::MAX).await;
    assert!(after > 0 && BEFORE + after <= LIMIT, "{after}");
    // An unlimited token does not notice.
    assert_eq!(cluster.world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    redis.restart().await;
    until_figures(nodes(&cluster), "veloera_limits_away", 0).await;
    until_figures(nodes(&cluster), "veloera_limits_nodes", 2).await;
    cluster.world.charges(BEFORE + after + 1).await;
    cluster.close().await;
}
