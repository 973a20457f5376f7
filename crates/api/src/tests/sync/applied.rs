//! `?wait=applied`: a write is answered once every node heeds it.

use domain::Log;
use serde_json::json;

use super::rig::Rig;
use crate::{
    EdgeLimits,
    tests::fixture::{Answered, Node, patient},
};

fn group(name: &str) -> serde_json::Value {
    json!({ "name": name, "ratio_millionths": 1_000_000 })
}

async fn write(node: &Node, name: &str, query: &str) -> Answered {
    let path = format!("/api/v1/groups{query}");
    node.ask("POST", &path).by(&node.root).json(group(name)).await_answer().await
}

fn applied(answer: &Answered) -> [String; 2] {
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name| answer.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    ["veloera-applied", "veloera-behind"].map(text)
}

async fn metrics(node: &Node) -> String {
    String::from_utf8(node.ask("GET", "/metrics").await_answer().await.body).unwrap()
}

#[tokio::test]
async fn a_write_that_waits_is_answered_once_every_node_has_said_that_it_heeds_it() {
    let rig = Rig::new().await;
    assert_eq!(
        applied(&write(&rig.node, "of-nobody", "?wait=applied").await),
        ["true", ""],
        "there is no node"
    );
    let (one, other) = (rig.enrolled().await, rig.enrolled_as("other").await);
    let before = rig.node.log.head(Log::Control);
    let said = async {
        // Each hears of it as nodes do, and says so; the later of them ends the wait.
        for control in [&one, &other] {
            let page = control.events(Log::Control, before, 10, 25_000).await.unwrap();
            control.applied(Log::Control, page.head).await.unwrap();
        }
    };
    let written = write(&rig.node, "of-both", "?wait=applied");
    let (written, ()) = tokio::join!(written, said);
    assert_eq!(applied(&written), ["true", ""]);
    let text = metrics(&rig.node).await;
    assert!(text.contains("veloera_propagation_seconds_count 0"), "neither had said anything before: {text}");
    let after = rig.node.log.head(Log::Control);
    let (written, ()) = tokio::join!(write(&rig.node, "again", "?wait=applied"), async {
        for control in [&one, &other] {
            let page = control.events(Log::Control, after, 10, 25_000).await.unwrap();
            control.applied(Log::Control, page.head).await.unwrap();
        }
    });
    assert_eq!(applied(&written), ["true", ""]);
    assert!(metrics(&rig.node).await.contains("veloera_propagation_seconds_count 2"));
}

#[tokio::test]
async fn a_node_that_says_nothing_is_named_and_what_was_written_stays() {
    let rig = Rig::with(EdgeLimits { applied_wait_ms_max: 30, ..patient() }).await;
    let (one, silent) = (rig.enrolled().await, rig.enrolled_as("silent").await);
    one.applied(Log::Control, u64::MAX >> 1).await.unwrap();
    let written = write(&rig.node, "of-one", "?wait=applied").await;
    assert_eq!(applied(&written), ["false".to_owned(), silent.node_id().to_string()]);
    let read = rig.node.ask("GET", "/api/v1/groups/of-one").by(&rig.node.root).await_answer().await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn whoever_does_not_wait_is_answered_at_once_and_what_cannot_be_waited_for_is_refused_before_it_is_done()
 {
    let rig = Rig::new().await;
    let _silent = rig.enrolled().await;
    assert_eq!(applied(&write(&rig.node, "at-once", "").await), ["", ""]);
    let refused = write(&rig.node, "never", "?wait=forever").await;
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("applied"), "{refused:?}");
    let read = rig.node.ask("GET", "/api/v1/groups/never").by(&rig.node.root).await_answer().await;
    assert_eq!(read.status, 404);
}
