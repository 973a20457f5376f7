//! Where a relay node finds what a token may do: in memory, on its disk, at Redis, at a control node; and whom it refuses
//! without asking anybody.

use std::{fs::File, os::unix::fs::MetadataExt, time::Duration};

use servers::Redis;
use tests::{ApiClient, Cluster, IssuedToken, Launch, Veloera, wait, world::SEEN_MAX};

use super::{at, away::is_told_to_come_again, limits::figure, short, until_status};

/// More than anybody mistypes.
const UNKNOWN_KEYS: usize = 200;
/// For so long nothing is written down that is not new.
const STILL: Duration = Duration::from_secs(3);

async fn looked_up(node: &Veloera, tier: &str, outcome: &str) -> u64 {
    let name = format!("veloera_token_lookups_total{{tier=\"{tier}\",outcome=\"{outcome}\"}}");
    figure(node, &name).await.unwrap_or(0)
}

/// How often anything beyond memory was looked at.
async fn beyond_memory(node: &Veloera) -> u64 {
    let mut count = 0;
    for tier in ["file", "redis", "control"] {
        for outcome in ["found", "unknown", "missing", "older", "forged", "away"] {
            count += looked_up(node, tier, outcome).await;
        }
    }
    count
}

async fn status(client: &ApiClient) -> u16 {
    client.get("/v1/models").await.unwrap().status.as_u16()
}

/// A control node and a relay node that share a Redis server, which the control node has brought everything to.
async fn with_redis() -> (Redis, Cluster) {
    let redis = Redis::start().await;
    let launch = Launch::default().set("REDIS_URL", redis.url());
    let database = servers::postgres().database().await;
    let relay = launch.clone().set("STALE_CALLERS_MS", 3_600_000);
    let cluster = Cluster::on(database, 1, launch, relay, short).await;
    (redis, cluster)
}

/// Ends the relay node in order and begins it anew: what it knows is in its file alone.
async fn begun_anew(cluster: &mut Cluster) {
    cluster.world.carrier().terminate();
    assert!(cluster.world.carrier_mut().ended().await.success());
    cluster.world.carrier_mut().restart().await;
}

/// The file that the relay node reads rows from, once no other takes its place.
async fn its_file(cluster: &Cluster) -> File {
    let path = cluster.world.carrier().data_dir().join("directory.snapshot");
    let inode = async || std::fs::metadata(&path).ok().map(|metadata| metadata.ino());
    wait::until_still("a snapshot that stays", STILL, 2 * SEEN_MAX, inode).await;
    File::options().write(true).open(&path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_no_token_has_reach_neither_the_disk_nor_redis_nor_a_control_node() {
    let (_redis, mut cluster) = with_redis().await;
    let token = cluster.world.token("known", None).await;
    begun_anew(&mut cluster).await;
    let relay = cluster.world.carrier();
    for number in 0..UNKNOWN_KEYS {
        assert_eq!(status(&at(relay, &format!("sk-{number:064x}"))).await, 401);
    }
    assert_eq!(beyond_memory(relay).await, 0);
    assert!(looked_up(relay, "memory", "unknown").await >= UNKNOWN_KEYS as u64);
    // A key that there is is read from the disk once.
    for _ in 0..3 {
        assert_eq!(status(&at(relay, &token.key)).await, 200);
    }
    assert_eq!((beyond_memory(relay).await, looked_up(relay, "file", "found").await), (1, 1));
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_has_lost_is_found_at_redis_then_at_a_control_node_and_is_never_refused_as_unknown() {
    let (redis, mut cluster) = with_redis().await;
    let mut tokens: Vec<IssuedToken> = Vec::new();
    for name in ["at redis", "at a control node", "nowhere for now"] {
        tokens.push(cluster.world.token(name, None).await);
    }
    let behind = "veloera_projection_lag_events{projection=\"redis\"}";
    wait::until(behind, SEEN_MAX, async || {
        figure(&cluster.world.veloera, behind).await.filter(|lag| *lag == 0)
    })
    .await;
    begun_anew(&mut cluster).await;
    its_file(&cluster).await.set_len(0).unwrap();
    let clients: Vec<ApiClient> = tokens.iter().map(|token| cluster.world.client(&token.key)).collect();

    assert_eq!(status(&clients[0]).await, 200);
    let relay = cluster.world.carrier();
    assert_eq!(
        (looked_up(relay, "redis", "found").await, looked_up(relay, "control", "found").await),
        (1, 0)
    );
    assert!(looked_up(relay, "file", "away").await > 0);

    redis.kill().await;
    assert_eq!(status(&clients[1]).await, 200);
    assert_eq!(looked_up(relay, "control", "found").await, 1);
    assert!(looked_up(relay, "redis", "away").await > 0);

    cluster.world.veloera.kill();
    is_told_to_come_again(&clients[2].get("/v1/models").await.unwrap());
    assert_eq!(status(&cluster.world.client("sk-nobody")).await, 401);
    assert_eq!((status(&clients[0]).await, status(&clients[1]).await), (200, 200));

    // What it learned is written down with the rest, and outlives it with everything else away.
    begun_anew(&mut cluster).await;
    let clients: Vec<ApiClient> = tokens.iter().map(|token| cluster.world.client(&token.key)).collect();
    assert_eq!(status(&cluster.world.client("sk-nobody")).await, 401);
    assert_eq!((status(&clients[0]).await, status(&clients[1]).await), (200, 200));
    is_told_to_come_again(&clients[2].get("/v1/models").await.unwrap());

    cluster.world.veloera.restart().await;
    for client in &clients {
        until_status(client, 200).await;
    }
    for (token, client) in tokens.iter().zip(&clients) {
        cluster.world.admin().delete(&format!("/tokens/{}", token.id)).await;
        until_status(client, 401).await;
    }
    cluster.close().await;
}
