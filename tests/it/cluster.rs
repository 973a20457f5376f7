//! Several processes: what is decided at one is in force at all, what is done at any is charged once, and each goes on
//! for as long as it may when the others are away.

mod away;
mod decided;
mod faults;
mod limits;
mod lookups;
mod models;
mod orphan;
mod outage;
mod twice;

use tests::{
    ApiClient, Cluster, Launch, Reply, Response, Veloera, chance, client::chat, price::MODEL,
    provider::Answer, wait, world::SEEN_MAX,
};

use crate::crash::{CLIENTS, Trial, load, some_time};

fn short(_: &tests::Received) -> Reply {
    Reply::Answer(Answer::words(3, 20, 3))
}

/// Asks for models until the node answers with that status: what was decided elsewhere is on its way.
async fn until_status(client: &ApiClient, status: u16) -> Response {
    wait::until(&format!("status {status}"), SEEN_MAX, async || {
        client.get("/v1/models").await.ok().filter(|answer| answer.status == status)
    })
    .await
}

fn at(node: &Veloera, key: &str) -> ApiClient {
    ApiClient::new(node.url(""), key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_on_every_node_each_call_is_charged_once_and_a_revoked_one_is_good_nowhere() {
    let cluster = Cluster::start(2, Launch::default(), short).await;
    let admin = cluster.world.admin();
    let token = admin.token("everywhere", Some(1_000_000_000)).await;
    let nodes = [cluster.world.carrier(), &cluster.relays[0]];
    for (index, node) in nodes.into_iter().enumerate() {
        let client = at(node, &token.key);
        until_status(&client, 200).await;
        for call in 0..3 {
            let answer = client.chat(&chat(MODEL, &format!("{index} {call}"))).await.unwrap();
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        }
    }
    let charges = cluster.world.charges(6).await;
    let billed: u64 = cluster.world.provider.bills().iter().map(tests::Bill::nanos).sum();
    assert_eq!(charges.iter().map(|charge| charge.amount_nanos.get()).sum::<u64>(), billed);
    assert!(charges.iter().all(|charge| charge.flags.is_empty()), "{charges:#?}");

    admin.delete(&format!("/tokens/{}", token.id)).await;
    for node in nodes {
        let client = at(node, &token.key);
        until_status(&client, 401).await;
        assert_eq!(client.chat(&chat(MODEL, "revoked")).await.unwrap().status, 401);
    }
    // The control node carries no calls, and a relay node is no place to administer.
    assert_eq!(at(&cluster.world.veloera, &token.key).get("/v1/models").await.unwrap().status, 404);
    assert_eq!(at(nodes[0], "none").get("/api/v1/me").await.unwrap().status, 404);
    assert_eq!(cluster.close().await["charges"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_a_nodes_data_and_a_node_nobody_let_in_do_not_start() {
    let cluster = Cluster::start(1, Launch::default(), short).await;
    let relay = cluster.world.carrier();
    assert!(!relay.rival().success());
    assert!(relay.log().contains("in use by another process"), "{}", relay.log());
    assert_eq!(cluster.world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    let (status, log) = cluster.stranger("a token that nobody made");
    assert!(!status.success() && log.contains("cannot join"), "{log}");
    cluster.world.charges(1).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_relay_node_is_killed_what_was_billed_is_charged_exactly_once() {
    const ROUNDS: usize = 4;
    // A machine that is slow gets more of them.
    const ROUNDS_MAX: usize = 20;
    let seed = chance::seed();
    let mut moments = chance::numbers(seed, 0);
    let Cluster { world, database, .. } = Cluster::start(1, Launch::default(), load::answer).await;
    let mut trial = Trial::on(world, seed).await;
    for round in 0..ROUNDS_MAX {
        if round >= ROUNDS && trial.world.provider.bills().len() >= CLIENTS {
            break;
        }
        let killed = async |relay: &mut Veloera| {
            // Its first calls have leases to wait for.
            some_time(&mut moments).await;
            some_time(&mut moments).await;
            relay.kill();
        };
        trial.round(killed).await;
    }
    trial.check(CLIENTS).await;
    drop(database);
}
