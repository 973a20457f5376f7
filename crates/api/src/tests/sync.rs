//! What nodes ask of one another: who is refused, and a ledger behind a line.

mod applied;
mod forged;
mod ledger;
mod mended;
mod rig;
mod tokens;

use axum::http::StatusCode;
use domain::{ChannelId, Log};
use serde_json::{Value, json};
use uuid::Uuid;

use self::rig::{Line, Rig, await_status};

#[tokio::test]
async fn a_node_enrols_once_however_often_it_asks() {
    let rig = Rig::new().await;
    let (one, other) = (rig.enrolled().await, rig.control("other"));
    let token = rig.join_token(1_000);
    assert_eq!(one.enrol(&token, "again").await.unwrap(), one.node_id());
    other.enrol(&token, "other").await.unwrap();
    let listed = rig.node.ask("GET", "/api/v1/nodes").by(&rig.node.auditor).await_answer().await.json();
    let mut names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["one", "other"]);
}

#[tokio::test]
async fn a_node_enrols_only_with_a_join_token_that_is_good() {
    let rig = Rig::new().await;
    let control = rig.control("one");
    let expired = rig.join_token(0);
    let mut changed = rig.join_token(60_000);
    changed.replace_range(5..6, if changed.as_bytes()[5] == b'B' { "C" } else { "B" });
    for bad in [expired.as_str(), changed.as_str(), "", "vj-none"] {
        await_status(control.enrol(bad, "one").await, StatusCode::FORBIDDEN);
    }
    await_status(control.applied(Log::Control, 1).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_node_of_another_master_key_neither_enrols_nor_believes_what_it_is_told() {
    let rig = Rig::new().await;
    let stranger = rig.stranger("stranger");
    let told = stranger.enrol(&rig.join_token(60_000), "stranger").await.unwrap_err();
    assert!(told.to_string().contains("no mark of this master key"), "{told}");
    let token = rig.token_of_another_master(60_000);
    await_status(rig.control("one").enrol(&token, "one").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_answer_that_was_changed_on_its_way_is_not_believed() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    control.events(Log::Control, 0, 10, 0).await.unwrap();
    for line in [Line::ChangesBody, Line::ChangesStatus, Line::DropsMark, Line::AnswersBefore] {
        rig.set(line);
        let told = control.events(Log::Control, 0, 10, 0).await.unwrap_err();
        assert!(told.to_string().contains("no mark of this master key"), "{line:?}: {told}");
        // Nor is a refusal: whoever stands between could keep a node from coming in.
        let told = rig.control("nobody").applied(Log::Control, 1).await.unwrap_err();
        assert!(told.to_string().contains("no mark of this master key"), "{line:?}: {told}");
    }
    rig.set(Line::Good);
    control.events(Log::Control, 0, 10, 0).await.unwrap();
}

#[tokio::test]
async fn a_revoked_node_is_not_heard_any_more_and_does_not_come_back() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    control.applied(Log::Control, 1).await.unwrap();
    let path = format!("/api/v1/nodes/{}", control.node_id());
    let revoke = rig.node.ask("DELETE", &path).by(&rig.node.auditor).await_answer().await;
    assert_eq!(revoke.status, 403);
    let revoked = rig.node.ask("DELETE", &path).by(&rig.node.admin).await_answer().await;
    assert_eq!(revoked.status, 204);
    await_status(control.applied(Log::Control, 1).await, StatusCode::UNAUTHORIZED);
    await_status(control.enrol(&rig.join_token(60_000), "one").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_node_that_is_revoked_while_it_waits_is_told_nothing_more() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let head = rig.node.log.head(Log::Control);
    // The revocation itself is what it waits for.
    let waits = control.events(Log::Control, head, 10, 25_000);
    let path = format!("/api/v1/nodes/{}", control.node_id());
    let revokes = rig.node.ask("DELETE", &path).by(&rig.node.admin).await_answer();
    let (told, revoked) = tokio::join!(waits, revokes);
    assert_eq!(revoked.status, 204);
    assert!(told.is_err() || told.is_ok_and(|page| page.events.is_empty()));
}

#[tokio::test]
async fn events_come_in_pages_as_they_stand_and_as_they_happen() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let head = rig.node.log.head(Log::Control);
    let page = control.events(Log::Control, 1, 2, 0).await.unwrap();
    let stored = rig.node.log.reader().read(Log::Control, 1, 2).await.unwrap();
    assert_eq!((page.events, page.head), (stored, head));
    assert_eq!(page.log_id, rig.node.log.reader().log_id(Log::Control));
    let (waited, _) = tokio::join!(control.events(Log::Control, head, 10, 25_000), rig.node.channel());
    assert_eq!(waited.unwrap().events[0].event_type, "channel_created");
    let head = rig.node.log.head(Log::Control);
    assert_eq!(control.events(Log::Control, head, 10, 0).await.unwrap().events, []);
}

#[tokio::test]
async fn a_snapshot_is_what_calls_need_and_the_place_where_events_go_on() {
    let rig = Rig::new().await;
    rig.node.channel().await;
    let control = rig.enrolled().await;
    let mut file = control.snapshot(tempfile::tempfile).await.unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let restored = projections::Directory::restore(file, projections::TokenCacheOptions::default()).unwrap();
    assert_eq!(restored.place(), rig.node.directory.place());
    assert_eq!(restored.channels(), rig.node.directory.channels());
}

#[tokio::test]
async fn admins_see_how_far_a_node_has_come() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let shown = async || {
        let listed = rig.node.ask("GET", "/api/v1/nodes").by(&rig.node.root).await_answer().await.json();
        listed["items"][0].clone()
    };
    let silent = shown().await;
    assert_eq!(
        (&silent["name"], &silent["heard_at"], &silent["lag"]),
        (&json!("one"), &Value::Null, &Value::Null)
    );
    let head = rig.node.log.head(Log::Control);
    control.applied(Log::Control, head - 1).await.unwrap();
    let heard = shown().await;
    assert_eq!((&heard["applied_position"], &heard["lag"]), (&json!(head - 1), &json!(1)));
    assert!(heard["heard_at"].as_str() > heard["enrolled_at"].as_str(), "{heard}");
}

#[tokio::test]
async fn what_a_node_says_of_a_channel_is_taken_down() {
    let rig = Rig::new().await;
    let control = rig.enrolled().await;
    let channel = ChannelId(Uuid::from_u128(7));
    control.report(channel, true).await.unwrap();
    control.report(channel, false).await.unwrap();
    assert_eq!(*rig.node.told.0.lock(), [(channel, true), (channel, false)]);
}

#[tokio::test]
async fn what_this_version_does_not_know_is_said_under_a_mark() {
    let rig = Rig::new().await;
    let answered = rig.node.ask("GET", "/sync/tomorrow").await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.header("veloera-mark").len()), (404, 64));
}
