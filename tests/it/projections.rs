//! `veloera projections`: a read model is made anew beside a running gateway, and nobody notices but by its figures.

use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tests::{
    Launch, Reply, Veloera, World, client::chat, price::MODEL, provider::Answer, wait, world::SEEN_MAX,
};

async fn world(launch: Launch) -> World {
    World::launched(launch, |_| Reply::Answer(Answer::words(3, 20, 5))).await
}

/// Makes so many calls, and waits until there are `charges`.
async fn calls(world: &World, count: usize, charges: usize) {
    for _ in 0..count {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    }
    world.charges(charges).await;
}

fn said(veloera: &Veloera, arguments: &[&str]) -> String {
    let output = veloera.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn status(veloera: &Veloera) -> Value {
    serde_json::from_str(&said(veloera, &["projections", "status", "--json"])).unwrap()
}

/// Waits until it has taken in all that there is.
async fn level(veloera: &Veloera) -> Value {
    wait::until("a usage log without lag", SEEN_MAX, async || {
        let status = status(veloera);
        (status["lag_events"] == 0).then_some(status)
    })
    .await
}

async fn listed(world: &World) -> Vec<Value> {
    let page = world.admin().get("/calls?limit=100").await;
    page["items"].as_array().unwrap().clone()
}

async fn is_rebuilt_beside_a_running_gateway(launch: Launch) {
    let world = world(launch).await;
    calls(&world, 3, 3).await;
    let before = level(&world.veloera).await;
    assert_eq!(
        [&before["projection"], &before["log"], &before["generation"], &before["is_of_this_log"]],
        [&Value::from("calls"), &"ledger".into(), &1.into(), &true.into()]
    );
    assert_eq!((&before["position"], &before["rebuilt_to"]), (&before["head"], &Value::Null));
    let listed_before = listed(&world).await;
    assert_eq!(listed_before.len(), 3);

    let said = said(&world.veloera, &["projections", "rebuild", "calls"]);
    let from = before["head"].as_u64().unwrap();
    assert_eq!(said, format!("calls: generation 2 is in use, made from {from} events\n"));
    assert_eq!(level(&world.veloera).await["generation"], 2);
    assert_eq!(listed(&world).await, listed_before, "the same calls, made from the same events");

    // The running gateway writes into the new tables from now on.
    calls(&world, 1, 4).await;
    let after = level(&world.veloera).await;
    assert_eq!((&after["generation"], after["position"].as_u64() > Some(from)), (&2.into(), true));
    assert_eq!(listed(&world).await.len(), 4);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usage_log_is_rebuilt_beside_a_running_gateway() {
    is_rebuilt_beside_a_running_gateway(Launch::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_it_is_on_a_server() {
    let database = servers::postgres().database().await;
    is_rebuilt_beside_a_running_gateway(Launch::default().on(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_is_found_by_the_audit_and_put_right_by_a_rebuild() {
    let world = world(Launch::default()).await;
    calls(&world, 2, 2).await;
    level(&world.veloera).await;
    let options = SqliteConnectOptions::new().filename(world.veloera.data_dir().join("veloera.db"));
    let mut intruder = SqliteConnection::connect_with(&options).await.unwrap();
    let change =
        "UPDATE calls SET amount_nanos = amount_nanos + 1 WHERE position = (SELECT max(position) FROM calls)";
    assert_eq!(sqlx::query(change).execute(&mut intruder).await.unwrap().rows_affected(), 1);
    intruder.close().await.unwrap();

    let output = world.veloera.run(&["audit", "verify"]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && report.contains("I7: the read model `calls`"), "{report}");
    said(&world.veloera, &["projections", "rebuild", "calls"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rebuilt_is_refused_with_what_can_be() {
    let world = world(Launch::default()).await;
    let output = world.veloera.run(&["projections", "rebuild", "balances"]);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && complaint.contains("calls"), "{complaint}");
    world.close().await;
}
