//! Whatever goes between nodes goes more than once: nothing comes of it but what would come of it once.

use tests::{
    ApiClient, Cluster, IssuedToken, Launch, Veloera, World, chance,
    client::chat,
    line::{Again, Stranger, Twice},
    price::MODEL,
    wait,
    world::SEEN_MAX,
};

use super::{at, away::everything_billed_is_charged, short, until_status};
use crate::crash::{CLIENTS, QUOTA_NANOS, Trial, load, load::Outcome, some_time};

const ROUNDS: usize = 4;

/// What a node says of itself under that name.
async fn told(node: &Veloera, name: &str) -> Option<u64> {
    let page = ApiClient::new(node.url(""), "").get("/metrics").await.ok()?;
    let page = String::from_utf8(page.body.to_vec()).ok()?;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Every node has heard every event, in order: one that has a hole goes no further.
async fn all_have_heard_everything(world: &World, relays: &[Veloera]) {
    for relay in std::iter::once(world.carrier()).chain(relays) {
        wait::until("the same position", SEEN_MAX, async || {
            let head = told(&world.veloera, "veloera_log_position{log=\"control\"}").await?;
            (told(relay, "veloera_sync_position{log=\"control\"}").await? == head).then_some(())
        })
        .await;
    }
}

async fn tokens(world: &World) -> Vec<IssuedToken> {
    let mut tokens = Vec::new();
    for index in 0..CLIENTS {
        let body = serde_json::json!({ "name": format!("client {index}"), "quota_nanos": QUOTA_NANOS });
        tokens.push(IssuedToken::of(&world.admin().create("/tokens?wait=applied", body).await));
    }
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_message_and_every_upload_comes_twice_everything_is_known_and_charged_once() {
    let nats = servers::Nats::start().await;
    let (of_control, control_nats) = Twice::within(&nats.url()).await;
    let (of_first, first_nats) = Twice::within(&nats.url()).await;
    let (of_second, second_nats) = Twice::within(&nats.url()).await;
    let control = Launch::default().set("NATS_URL", control_nats);
    let relay = Launch::default().set("NATS_URL", first_nats);
    let database = servers::postgres().database().await;
    let cluster = Cluster::on(database, 1, control, relay, load::answer).await;
    let (uploads, control_url) = Again::within(&cluster.world.veloera.url("")).await;
    let second = |join: Launch| join.set("NATS_URL", second_nats).set("CONTROL_URL", control_url);
    let second = cluster.another(second).await;
    let Cluster { world, database: _database, .. } = cluster;
    let tokens = tokens(&world).await;
    let seed = chance::seed();
    let mut moments = chance::numbers(seed, 0);
    let mut trial = Trial::of(world, vec![second], tokens, seed);
    for round in 0..ROUNDS {
        let seen = trial
            .through(async |world, relays| {
                let token = world.admin().token(&format!("round {round}"), Some(1_000_000)).await;
                let [first, second] = [world.carrier(), &relays[0]].map(|node| at(node, &token.key));
                for client in [&first, &second] {
                    until_status(client, 200).await;
                }
                some_time(&mut moments).await;
                world.admin().delete(&format!("/tokens/{}", token.id)).await;
                for client in [&first, &second] {
                    until_status(client, 401).await;
                }
                all_have_heard_everything(world, relays).await;
            })
            .await;
        assert!(!seen.contains(&Outcome::Broken), "a client's connection broke");
    }
    for wire in [of_control, of_first, of_second] {
        assert!(wire.repeated() > 0, "nothing went twice");
    }
    trial.check(ROUNDS * CLIENTS).await;
    let uploads = uploads.answers();
    assert!(uploads.len() > ROUNDS, "nothing was uploaded twice: {uploads:?}");
    for [first, second] in uploads {
        // The same bytes again are nobody's request; the same records again, signed anew, are taken for what they are.
        assert!(!first.is_success() || second == 401, "{first}, then {second}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_stranger_writes_every_message_again_nodes_hear_what_was_decided_and_the_bus_is_put_right() {
    let nats = servers::Nats::start().await;
    let cluster = Cluster::start_on_bus(2, &nats, short).await;
    let stranger = Stranger::at(&nats.url()).await;
    for round in 0..ROUNDS {
        let token = cluster.world.admin().token(&format!("round {round}"), Some(1_000_000)).await;
        let clients = [cluster.world.carrier(), &cluster.relays[0]].map(|node| at(node, &token.key));
        for client in &clients {
            until_status(client, 200).await;
            assert_eq!(client.chat(&chat(MODEL, "again")).await.unwrap().status, 200);
        }
        cluster.world.admin().delete(&format!("/tokens/{}", token.id)).await;
        for client in &clients {
            until_status(client, 401).await;
        }
    }
    assert!(stranger.written() > 0, "nothing was written again");
    drop(stranger);
    all_have_heard_everything(&cluster.world, &cluster.relays).await;
    for log in ["control", "ledger"] {
        for name in ["veloera_bus_failing", "veloera_bus_backlog_events"] {
            let name = format!("{name}{{log=\"{log}\"}}");
            wait::until(&name, 2 * SEEN_MAX, async || {
                (told(&cluster.world.veloera, &name).await? == 0).then_some(())
            })
            .await;
        }
    }
    everything_billed_is_charged(&cluster).await;
    cluster.close().await;
}
