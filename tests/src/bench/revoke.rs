//! Lane `revoke`: how long a token is still good at two relay nodes after the admin who revokes it has asked, by one clock.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::rounds::Plan;
use crate::{Admin, ApiClient, Cluster, IssuedToken, Reply, provider::Answer};

const RELAYS: usize = 2;
/// How many tokens are revoked with a bus, and how many without.
const TOKENS: usize = 200;
/// So often each relay node is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);

pub(super) async fn run(plan: &Plan) -> String {
    let nats = servers::Nats::start().await;
    let answer = |_: &_| Reply::Answer(Answer::words(3, 20, 3));
    let cluster = Cluster::start_on_bus(RELAYS, &nats, answer).await;
    let tokens = plan.scaled(TOKENS).max(4);
    eprintln!("bench: revoke, {tokens} tokens with a bus");
    let mut table = format!(
        "| revoked, until {RELAYS} relay nodes refuse it | tokens | p50 ms | p99 ms | the longest |\n|---|---:|---:|---:|---:|\n"
    );
    table += &line("with NATS", revoked(&cluster, tokens).await);
    nats.kill().await;
    eprintln!("bench: revoke, {tokens} tokens without it");
    table += &line("NATS killed before", revoked(&cluster, tokens).await);
    cluster.close().await;
    table
        + "\nFrom the first byte of the request that revokes it to the first refusal of the later node; each is asked every millisecond.\n"
}

async fn revoked(cluster: &Cluster, tokens: usize) -> Vec<Duration> {
    let admin = cluster.world.admin();
    let urls = [cluster.world.carrier().url(""), cluster.relays[0].url("")];
    let mut took = Vec::new();
    for number in 0..tokens {
        let body = serde_json::json!({ "name": format!("token {number}") });
        let token = IssuedToken::of(&admin.create("/tokens?wait=applied", body).await);
        took.push(refused_everywhere(&admin, &urls, &token).await);
    }
    took
}

async fn refused_everywhere(admin: &Admin, urls: &[String], token: &IssuedToken) -> Duration {
    let mut refusals = JoinSet::new();
    for url in urls {
        let client = ApiClient::new(url.clone(), &token.key);
        assert_eq!(client.get("/v1/models").await.expect("an answer").status, 200, "it is good at first");
        refusals.spawn(async move {
            while client.get("/v1/models").await.expect("an answer").status == 200 {
                sleep(ASK_EVERY).await;
            }
        });
    }
    let path = format!("/tokens/{}", token.id);
    let begun = Instant::now();
    let revoking = admin.delete(&path);
    let refused = async {
        while let Some(refusal) = refusals.join_next().await {
            refusal.expect("it is asked until it refuses");
        }
        begun.elapsed()
    };
    tokio::join!(revoking, refused).1
}

fn line(how: &str, mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at =
        |hundredth: usize| took[(took.len() * hundredth / 100).min(took.len() - 1)].as_secs_f64() * 1_000.0;
    format!("| {how} | {} | {:.1} | {:.1} | {:.1} |\n", took.len(), at(50), at(99), at(100))
}
