//! What is decided at one control node: when it is in force at all others, and how whoever decides knows.

use serde_json::{Value, json};
use tests::{Admin, Cluster, Launch, Veloera, admin::text, client::chat, price::MODEL};

use super::{at, short, until_status};

/// What a write answers that waits for relay nodes.
struct Applied {
    body: Value,
    everywhere: bool,
    behind: Option<String>,
}

async fn applied(admin: &Admin, method: http::Method, path: &str, body: Option<&Value>) -> Applied {
    let answer = admin.send(method, &format!("{path}?wait=applied"), body).await.unwrap();
    assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    let told = answer.header("veloera-applied").expect("it says whether it is in force");
    Applied {
        everywhere: told == "true",
        behind: answer.header("veloera-behind").map(str::to_owned),
        body: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
    }
}

async fn issued(admin: &Admin, name: &str) -> Applied {
    let body = json!({ "name": name });
    applied(admin, http::Method::POST, "/tokens", Some(&body)).await
}

async fn status(node: &Veloera, key: &str) -> u16 {
    at(node, key).get("/v1/models").await.unwrap().status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn once_it_is_said_to_be_applied_a_token_is_good_or_bad_on_every_node_and_a_dead_node_is_named() {
    let mut cluster = Cluster::start(2, Launch::default(), short).await;
    let admin = cluster.world.admin();
    for round in 0..5 {
        let token = issued(&admin, &format!("token {round}")).await;
        assert!(token.everywhere && token.behind.is_none());
        let (id, key) = (text(&token.body["id"]), text(&token.body["key"]));
        for node in [cluster.world.carrier(), &cluster.relays[0]] {
            assert_eq!(status(node, &key).await, 200);
        }
        let revoked = applied(&admin, http::Method::DELETE, &format!("/tokens/{id}"), None).await;
        assert!(revoked.everywhere);
        for node in [cluster.world.carrier(), &cluster.relays[0]] {
            assert_eq!(status(node, &key).await, 401);
        }
    }
    let mut dead = cluster.relays.remove(0);
    dead.kill();
    let token = issued(&admin, "while one is dead").await;
    let nodes = admin.get("/nodes").await;
    let ids: Vec<String> = nodes["items"].as_array().unwrap().iter().map(|node| text(&node["id"])).collect();
    let behind = token.behind.expect("the dead one is named");
    assert!(!token.everywhere && ids.contains(&behind), "{behind}: {ids:?}");
    assert_eq!(status(cluster.world.carrier(), &text(&token.body["key"])).await, 200);
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_control_nodes_serve_at_once_and_what_either_decides_is_in_force_everywhere() {
    let cluster = Cluster::start(1, Launch::default(), short).await;
    let mut other = cluster.another_control().await;
    let mut relay = cluster.relay_of_both(&other).await;
    let admin = cluster.world.admin();
    let there = Admin::new(other.url(""), &text(&cluster.world.veloera.demo()["admin_key"]));
    for (round, admin) in [&admin, &there, &there, &admin].into_iter().enumerate() {
        let token = admin.token(&format!("decided {round}"), None).await;
        for node in [cluster.world.carrier(), &relay] {
            until_status(&at(node, &token.key), 200).await;
            assert_eq!(at(node, &token.key).chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
        }
        admin.delete(&format!("/tokens/{}", token.id)).await;
        for node in [cluster.world.carrier(), &relay] {
            until_status(&at(node, &token.key), 401).await;
        }
    }
    cluster.world.charges(8).await;
    for node in [&mut relay, &mut other] {
        node.terminate();
        assert!(node.ended().await.success());
    }
    cluster.close().await;
}
