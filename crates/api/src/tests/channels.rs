use domain::{ChannelId, ChannelKeyId, Log, channel::ChannelEvent};
use serde_json::{Value, json};

use super::fixture::{MODEL, UPSTREAM_KEY, node};

#[tokio::test]
async fn a_channel_is_read_as_it_was_made_and_changed() {
    let node = node().await;
    let made = node.channel().await;
    let path = format!("/api/v1/channels/{}", made["id"].as_str().unwrap());
    let read = node.ask("GET", &path).by(&node.root).await_answer().await;
    assert_eq!(read.json(), made);
    assert_eq!(read.header("etag"), "\"1\"");
    let body = json!({
        "name": "other", "models": ["m", MODEL], "model_map": {"m": "upstream/m"}, "groups": ["default"],
        "priority": -3, "weight": 9, "status": "disabled", "base_url": "http://127.0.0.1:9/v1",
        "limits": {"concurrent_calls": 4}
    });
    let changed = node.ask("PATCH", &path).by(&node.root).json(body).await_answer().await.json();
    assert_eq!(changed["status"], "disabled");
    assert_eq!(changed["disabled_by"], "admin");
    assert_eq!(changed["model_map"], json!({"m": "upstream/m"}));
    assert_eq!((&made["limits"], &changed["limits"]), (&Value::Null, &json!({"concurrent_calls": 4})));
    let read = node.ask("GET", &path).by(&node.root).await_answer().await;
    assert_eq!(read.json(), changed);
    let cleared = json!({"base_url": null, "status": "enabled", "limits": null});
    let cleared = node.ask("PATCH", &path).by(&node.root).json(cleared).await_answer().await.json();
    assert_eq!((&cleared["base_url"], &cleared["status"]), (&Value::Null, &json!("enabled")));
    assert_eq!((&cleared["weight"], &cleared["limits"]), (&json!(9), &Value::Null));
}

#[tokio::test]
async fn a_channel_whose_provider_has_no_base_url_needs_one() {
    let node = node().await;
    let body = |url: Option<&str>| json!({"name": "a", "provider": "openai_compatible", "keys": ["k"], "models": ["m"], "base_url": url});
    let post =
        async |body| node.ask("POST", "/api/v1/channels").by(&node.root).json(body).await_answer().await;
    for bad in [None, Some(""), Some("ftp://x/v1"), Some("provider.example"), Some("https://a:b@x/v1")] {
        let answered = post(body(bad)).await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (422, "invalid_value"), "{bad:?}");
        assert!(answered.json()["detail"].as_str().unwrap().contains("`base_url`"), "{answered:?}");
    }
    let made = post(body(Some("https://provider.example/v1"))).await;
    assert_eq!(made.status, 201);
    let path = format!("/api/v1/channels/{}", made.json()["id"].as_str().unwrap());
    let lost = node.ask("PATCH", &path).by(&node.root).json(json!({"base_url": null})).await_answer().await;
    assert_eq!(lost.status, 422);
    let read = node.ask("GET", &path).by(&node.root).await_answer().await;
    assert_eq!(read.json()["base_url"], "https://provider.example/v1", "nothing of a refused change stays");
}

#[tokio::test]
async fn a_field_that_cannot_be_empty_may_not_be_null() {
    let node = node().await;
    let path = format!("/api/v1/channels/{}", node.channel().await["id"].as_str().unwrap());
    for field in ["name", "models", "groups", "priority", "weight", "status", "keys"] {
        let answered =
            node.ask("PATCH", &path).by(&node.root).json(json!({field: null})).await_answer().await;
        assert_eq!(answered.code(), "invalid_body", "{field}");
    }
}

#[tokio::test]
async fn a_secret_is_sealed_for_its_place_and_never_shown() {
    let node = node().await;
    let made = node.channel().await;
    let id = made["id"].as_str().unwrap();
    let rotated = json!({"keys": ["second-secret-0123456789"]});
    let path = format!("/api/v1/channels/{id}");
    let rotated = node.ask("PATCH", &path).by(&node.root).json(rotated).await_answer().await.json();
    assert_eq!(rotated["keys"][0]["hint"], "6789");
    assert_ne!(rotated["keys"][0]["id"], made["keys"][0]["id"]);
    let events =
        node.ask("GET", "/api/v1/events?log=control&limit=1000").by(&node.auditor).await_answer().await;
    let seen = String::from_utf8(events.body).unwrap();
    for secret in [UPSTREAM_KEY, "second-secret", &node.root.admin_key, "10.1.2.3"] {
        assert!(!seen.contains(secret) && !made.to_string().contains(secret), "{secret}");
    }
    let stream = node.log.reader().stream(Log::Control, &format!("channel:{id}")).await.unwrap();
    let ChannelEvent::Created { spec } = eventlog::decode(&stream[0]).unwrap() else { panic!("{stream:?}") };
    let id: ChannelId = id.parse().unwrap();
    let key_id: ChannelKeyId = made["keys"][0]["id"].as_str().unwrap().parse().unwrap();
    let place = domain::channel::key_place(id, key_id);
    assert_eq!(node.log.sealer().open(&place, &spec.keys[0].secret).unwrap(), UPSTREAM_KEY.as_bytes());
}

#[tokio::test]
async fn events_stand_in_the_answer_in_their_stored_bytes_and_can_be_filtered() {
    let node = node().await;
    let made = node.channel().await;
    let stream = format!("channel:{}", made["id"].as_str().unwrap());
    let actor = node.root.user_id.prefixed();
    let path = format!("/api/v1/events?log=control&stream={stream}&type=channel_created&actor={actor}");
    let answered = node.ask("GET", &path).by(&node.root).await_answer().await;
    let page = answered.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page["next_cursor"], Value::Null);
    let event = &page["items"][0];
    assert_eq!((&event["event_type"], &event["version"]), (&json!("channel_created"), &json!(1)));
    assert_eq!(event["metadata"]["actor"], actor);
    assert!(event["metadata"]["command_id"].is_string() && event["metadata"]["ip"].is_string());
    let stored = node.log.reader().stream(Log::Control, &stream).await.unwrap();
    assert!(String::from_utf8(answered.body).unwrap().contains(&stored[0].payload));
}

#[tokio::test]
async fn lists_come_in_pages_without_gap_or_repeat() {
    let node = node().await;
    for _ in 0..5 {
        node.channel().await;
    }
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            node.ask("GET", &format!("/api/v1/channels?limit=2{cursor}")).by(&node.root).await_answer().await;
        let page = page.json();
        ids.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let sorted = ids.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!((ids.len(), sorted.into_iter().collect::<Vec<_>>()), (5, ids));
}
