//! Control nodes keep a Redis server up with what they know; calls do not notice when it is away or was wiped.

use servers::Redis;
use tests::{Cluster, Launch, Veloera, client::chat, price::MODEL, wait, world::SEEN_MAX};

use super::{at, away::is_told_to_come_again, limits::figure, short, until_status};

const BEHIND: &str = "veloera_projection_lag_events{projection=\"redis\"}";
/// The same of what accounts come to.
const ACCOUNTS_BEHIND: &str = "veloera_projection_lag_events{projection=\"redis_accounts\"}";

async fn until_behind(control: &Veloera, is_so: impl Fn(u64) -> bool) {
    for name in [BEHIND, ACCOUNTS_BEHIND] {
        wait::until(name, SEEN_MAX, async || figure(control, name).await.filter(|lag| is_so(*lag))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_models_at_redis_are_made_anew_after_it_was_killed_and_calls_go_on_meanwhile() {
    let redis = Redis::start().await;
    let launch = Launch::default().set("REDIS_URL", redis.url());
    let database = servers::postgres().database().await;
    let cluster = Cluster::on(database, 1, launch.clone(), launch, short).await;
    // Two at once keep one server up.
    let other = cluster.another_control_with(|launch| launch.set("REDIS_URL", redis.url())).await;
    for control in [&cluster.world.veloera, &other] {
        until_behind(control, |lag| lag == 0).await;
    }

    redis.kill().await;
    let admin = cluster.world.admin();
    let token = admin.token("issued while it was away", Some(1_000_000_000)).await;
    for control in [&cluster.world.veloera, &other] {
        until_behind(control, |lag| lag > 0).await;
    }
    let client = at(cluster.world.carrier(), &token.key);
    until_status(&client, 200).await;
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);

    // It comes back empty: that nothing is missing means that all of it was brought again.
    redis.restart().await;
    for control in [&cluster.world.veloera, &other] {
        until_behind(control, |lag| lag == 0).await;
    }
    drop(other);
    cluster.world.charges(1).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_has_spent_is_shown_at_a_relay_node_as_redis_was_told() {
    let redis = Redis::start().await;
    let launch = Launch::default().set("REDIS_URL", redis.url());
    let database = servers::postgres().database().await;
    let cluster = Cluster::on(database, 1, launch.clone(), launch, short).await;
    let token = cluster.world.admin().token("shown", Some(2_000_000_000)).await;
    let client = at(cluster.world.carrier(), &token.key);
    until_status(&client, 200).await;
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    cluster.world.charges(1).await;

    let spent = wait::until("what was spent", SEEN_MAX, async || {
        let answer = client.get("/v1/dashboard/billing/usage").await.ok()?;
        (answer.status == 200).then(|| answer.json()["total_usage"].as_f64())?.filter(|cents| *cents > 0.0)
    });
    assert!(spent.await < 200.0, "no more than there is");
    let told = client.get("/v1/dashboard/billing/subscription").await.unwrap().json();
    let limit = told["hard_limit_usd"].as_f64().unwrap();
    assert!((limit - 2.0).abs() < 1e-6, "{told}");

    redis.kill().await;
    is_told_to_come_again(&client.get("/v1/dashboard/billing/usage").await.unwrap());
    cluster.close().await;
}
