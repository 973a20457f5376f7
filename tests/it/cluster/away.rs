//! What goes on while a node is away, for how long, and what becomes of it when the node is back.

use tests::{
    ApiClient, Cluster, IssuedToken, Launch, Response, client::chat, ledger_facts, price::MODEL, wait,
    world::SEEN_MAX,
};

use super::{at, short, until_status};

/// More calls than any lease here is good for.
const CALLS_MAX: usize = 500;

/// Relay nodes that let callers in for longer than a test takes.
fn patient() -> Launch {
    Launch::default().set("STALE_CALLERS_MS", 3_600_000)
}

/// A relay node through which so many calls were made with a token.
async fn called(calls: usize) -> (Cluster, IssuedToken) {
    let cluster = Cluster::start(1, patient(), short).await;
    let token = cluster.world.token("known", Some(1_000_000_000)).await;
    let client = cluster.world.client(&token.key);
    for nth in 0..calls {
        assert_eq!(client.chat(&chat(MODEL, &format!("before {nth}"))).await.unwrap().status, 200);
    }
    (cluster, token)
}

/// Calls until it is refused; how many were answered, and the refusal.
async fn until_refused(client: &ApiClient, what: &str) -> (usize, Response) {
    for call in 0..CALLS_MAX {
        let answer = client.chat(&chat(MODEL, &format!("{what} {call}"))).await.unwrap();
        if answer.status != 200 {
            return (call, answer);
        }
    }
    panic!("nobody refuses");
}

pub(super) fn is_told_to_come_again(refused: &Response) {
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
}

async fn answers_again(client: &ApiClient) {
    wait::until("an answer", SEEN_MAX, async || {
        client.chat(&chat(MODEL, "again")).await.ok().filter(|answer| answer.status == 200)
    })
    .await;
}

pub(super) async fn everything_billed_is_charged(cluster: &Cluster) {
    let bills = cluster.world.provider.bills();
    let charges = cluster.world.charges(bills.len()).await;
    assert!(charges.iter().all(|charge| !ledger_facts::is_in_doubt(charge)), "{charges:#?}");
    let charged: u64 = charges.iter().map(|charge| charge.amount_nanos.get()).sum();
    assert_eq!(charged, bills.iter().map(tests::Bill::nanos).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_control_node_calls_go_on_until_the_leases_are_spent_and_come_home_when_it_is_back() {
    let (mut cluster, token) = called(3).await;
    let client = cluster.world.client(&token.key);
    cluster.world.veloera.kill();
    let (served, refused) = until_refused(&client, "without").await;
    assert!(served > 0, "what was leased is spent: {refused:?}");
    is_told_to_come_again(&refused);
    let ready = client.get("/readyz").await.unwrap();
    assert_eq!(ready.status, 200, "{ready:?}");
    // Its journal outlives it, and the control node's absence.
    cluster.world.carrier_mut().kill();
    cluster.world.veloera.restart().await;
    cluster.world.carrier_mut().restart().await;
    answers_again(&cluster.world.client(&token.key)).await;
    everything_billed_is_charged(&cluster).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_node_starts_alone_knows_its_callers_and_brings_its_journal_home_late() {
    let (mut cluster, token) = called(1).await;
    cluster.world.carrier().terminate();
    assert!(cluster.world.carrier_mut().ended().await.success());
    cluster.world.veloera.kill();

    cluster.world.carrier_mut().restart().await;
    let client = cluster.world.client(&token.key);
    assert_eq!(client.get("/v1/models").await.unwrap().status, 200);
    assert_eq!(cluster.world.client("sk-nobody").get("/v1/models").await.unwrap().status, 401);
    // It gave its leases back when it ended: there is nothing to spend.
    is_told_to_come_again(&client.chat(&chat(MODEL, "alone")).await.unwrap());
    // And again after a death, still alone.
    cluster.world.carrier_mut().kill();
    cluster.world.carrier_mut().restart().await;
    let client = cluster.world.client(&token.key);
    assert_eq!(client.get("/v1/models").await.unwrap().status, 200);

    cluster.world.veloera.restart().await;
    answers_again(&client).await;
    everything_billed_is_charged(&cluster).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_node_that_is_started_again_with_everything_down_goes_on_with_the_quota_that_it_has() {
    // Often enough to be granted more than the call at hand needs.
    let (mut cluster, token) = called(6).await;
    cluster.world.veloera.kill();
    cluster.world.carrier().terminate();
    assert!(cluster.world.carrier_mut().ended().await.success());
    for life in ["after an ordered end", "after a death"] {
        cluster.world.carrier_mut().restart().await;
        let client = cluster.world.client(&token.key);
        let answer = client.chat(&chat(MODEL, life)).await.unwrap();
        assert_eq!(answer.status, 200, "{life}: {answer:?}");
        assert_eq!(cluster.world.client("sk-nobody").chat(&chat(MODEL, life)).await.unwrap().status, 401);
        cluster.world.carrier_mut().kill();
    }
    cluster.world.veloera.restart().await;
    cluster.world.carrier_mut().restart().await;
    answers_again(&cluster.world.client(&token.key)).await;
    everything_billed_is_charged(&cluster).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_node_that_hears_nothing_lets_nobody_in_after_a_while_and_everybody_once_it_hears() {
    let mut cluster = Cluster::start(1, Launch::default().set("STALE_CALLERS_MS", 5_000), short).await;
    let client = cluster.world.api();
    until_status(&client, 200).await;
    cluster.world.veloera.kill();
    let refused = wait::until("staleness", 2 * SEEN_MAX, async || {
        client.get("/v1/models").await.ok().filter(|answer| answer.status != 200)
    })
    .await;
    is_told_to_come_again(&refused);
    is_told_to_come_again(&client.chat(&chat(MODEL, "stale")).await.unwrap());
    let ready = client.get("/readyz").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(ready.json().to_string().contains("nobody is let in"), "{ready:?}");
    cluster.world.veloera.restart().await;
    until_status(&client, 200).await;
    answers_again(&client).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_bus_or_without_it_what_is_decided_reaches_every_relay_node() {
    let nats = servers::Nats::start().await;
    let cluster = Cluster::start_on_bus(2, &nats, short).await;
    let clients = |key: &str| [at(cluster.world.carrier(), key), at(&cluster.relays[0], key)];
    let mut bus_is_up = true;
    for round in 0..3 {
        let token = cluster.world.admin().token(&format!("round {round}"), Some(1_000_000_000)).await;
        for client in clients(&token.key) {
            until_status(&client, 200).await;
        }
        cluster.world.admin().delete(&format!("/tokens/{}", token.id)).await;
        for client in clients(&token.key) {
            until_status(&client, 401).await;
        }
        // The bus goes, and comes back.
        if bus_is_up {
            nats.kill().await
        } else {
            nats.restart().await
        }
        bus_is_up = !bus_is_up;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_node_without_its_bus_says_so_and_stays_ready() {
    let nats = servers::Nats::start().await;
    let cluster = Cluster::start_on_bus(1, &nats, short).await;
    let control = at(&cluster.world.veloera, "");
    let says = async |what: &str, failing: &str| {
        wait::until(what, SEEN_MAX, async || {
            let metrics = control.get("/metrics").await.ok()?;
            std::str::from_utf8(&metrics.body).unwrap().contains(failing).then_some(())
        })
        .await;
        let ready = control.get("/readyz").await.unwrap();
        assert_eq!(ready.status, 200, "{ready:?}");
        let checks = ready.json()["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "bus").unwrap()["detail"].to_string()
    };
    let well = says("a bus", "veloera_bus_failing{log=\"control\"} 0").await;
    assert!(!well.contains("degraded"), "{well}");
    nats.kill().await;
    let away = says("no bus", "veloera_bus_failing{log=\"control\"} 1").await;
    assert!(
        away.contains("control: 0 events to publish; degraded: the NATS server cannot be reached"),
        "{away}"
    );
    nats.restart().await;
    says("the bus again", "veloera_bus_failing{log=\"control\"} 0").await;
    cluster.close().await;
}
