//! What a file says, applied.

use serde_json::{Value, json};

use super::fixture::{Answered, MODEL, Node, node};

fn wanted() -> Value {
    json!({
        "groups": {"default": {}, "vip": {"ratio_millionths": 800_000}},
        "prices": {MODEL: {"rates": {"input": 1}}},
        "channels": {
            "main": {"provider": "echo", "keys": ["secret-of-the-channel"], "models": [MODEL], "groups": ["vip"]}
        }
    })
}

async fn apply(node: &Node, body: Value) -> Answered {
    node.ask("POST", "/api/v1/apply").by(&node.root).json(body).await_answer().await
}

fn outcomes(answered: &Answered) -> Vec<String> {
    let json = answered.json();
    let items = json["items"].as_array().unwrap_or_else(|| panic!("{answered:?}"));
    items.iter().map(|item| item["outcome"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_missing_is_made_and_a_second_time_nothing_happens() {
    let node = node().await;
    let first = apply(&node, wanted()).await;
    assert_eq!(outcomes(&first), ["created"; 4]);
    let head = node.log.subscribe().borrow().control;
    assert_eq!(outcomes(&apply(&node, wanted()).await), ["unchanged"; 4]);
    assert_eq!(node.log.subscribe().borrow().control, head, "no event");
    let channels = node.ask("GET", "/api/v1/channels").by(&node.root).await_answer().await.json();
    assert_eq!(
        (&channels["items"][0]["name"], channels["items"].as_array().unwrap().len()),
        (&json!("main"), 1)
    );
}

#[tokio::test]
async fn what_differs_is_changed_and_what_is_not_named_stays() {
    let node = node().await;
    apply(&node, wanted()).await;
    let other = node.channel().await;
    let mut body = wanted();
    body["channels"] =
        json!({"more": {"provider": "echo", "keys": ["k"], "models": ["m"], "status": "disabled"}});
    body["groups"]["vip"]["ratio_millionths"] = json!(1);
    body["prices"][MODEL]["rates"]["output"] = json!(2);
    assert_eq!(outcomes(&apply(&node, body).await), ["unchanged", "changed", "changed", "created"]);
    let listed = node.ask("GET", "/api/v1/channels").by(&node.root).await_answer().await.json();
    let status = |name: &str| {
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).map(|item| item["status"].clone()).unwrap()
    };
    assert_eq!(["main", "more"].map(status), ["enabled", "disabled"]);
    let path = format!("/api/v1/channels/{}", other["id"].as_str().unwrap());
    assert_eq!(node.ask("GET", &path).by(&node.root).await_answer().await.status, 200);
}

#[tokio::test]
async fn keys_are_put_in_place_of_others_and_stay_where_none_are_named() {
    let node = node().await;
    apply(&node, wanted()).await;
    let hint = async || {
        let listed = node.ask("GET", "/api/v1/channels").by(&node.root).await_answer().await.json();
        listed["items"][0]["keys"][0]["hint"].as_str().unwrap().to_owned()
    };
    assert_eq!(hint().await, "nnel");
    let mut body = wanted();
    body["channels"]["main"]["keys"] = json!(["another-secret-1234"]);
    assert_eq!(outcomes(&apply(&node, body.clone()).await).last().unwrap(), "changed");
    assert_eq!(hint().await, "1234");
    body["channels"]["main"].as_object_mut().unwrap().remove("keys");
    assert_eq!(outcomes(&apply(&node, body).await).last().unwrap(), "unchanged");
    assert_eq!(hint().await, "1234");
}

#[tokio::test]
async fn of_what_cannot_be_nothing_is_applied() {
    let node = node().await;
    let with = |pointer: &str, value: Value| {
        let mut body = wanted();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, told) in [
        (with("/channels/main/provider", json!("nobody")), "the channel `main`: `provider`"),
        (with("/channels/main/keys", json!(["two words "])), "the channel `main`: `keys`"),
        (with("/channels/main/keys", json!([])), "the channel `main`: `keys`"),
        (with("/channels/main/models", json!([])), "the channel `main`: `models`"),
    ] {
        let answered = apply(&node, body).await;
        assert_eq!(
            (answered.status.as_u16(), answered.code().as_str()),
            (422, "invalid_value"),
            "{answered:?}"
        );
        let detail = answered.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told) && !detail.contains("two words"), "{detail}");
    }
    let groups = node.ask("GET", "/api/v1/groups").by(&node.root).await_answer().await.json();
    assert_eq!(groups["items"], json!([]));
    for _ in 0..2 {
        node.channel().await;
    }
    let answered = apply(&node, wanted()).await;
    assert!(answered.json()["detail"].as_str().unwrap().contains("several of that name"), "{answered:?}");
}

#[tokio::test]
async fn limits_of_groups_models_and_channels_are_what_the_file_says_and_others_stay() {
    let node = node().await;
    let settings = async || node.ask("GET", "/api/v1/settings").by(&node.root).await_answer().await.json();
    let patch = json!({"groups": {"vip": {"strategy": "round_robin"}}, "models": {"other": {"limits": {}}}});
    node.ask("PATCH", "/api/v1/settings").by(&node.root).json(patch).await_answer().await;
    let mut body = wanted();
    body["groups"]["vip"]["limits"] = json!({"requests_per_minute": 600});
    body["models"] = json!({MODEL: {"limits": {"concurrent_calls": 8}}});
    body["channels"]["main"]["limits"] = json!({"tokens_per_minute": 1_000});
    let first = apply(&node, body.clone()).await;
    assert_eq!(outcomes(&first), ["created", "created", "changed", "created", "created"]);
    assert_eq!(first.json()["items"][2]["kind"], "model");
    assert_eq!(outcomes(&apply(&node, body.clone()).await), ["unchanged"; 5]);
    let set = settings().await;
    let vip = json!({"strategy": "round_robin", "limits": {"requests_per_minute": 600}});
    assert_eq!((&set["groups"]["vip"], &set["models"]["other"]), (&vip, &json!({"limits": {}})));
    let channels = node.ask("GET", "/api/v1/channels").by(&node.root).await_answer().await.json();
    assert_eq!(channels["items"][0]["limits"], json!({"tokens_per_minute": 1_000}));

    // Left out, a group's stay; `null` lifts them. A model and a channel are to be as the file says.
    let (mut left_out, mut lifted) = (body.clone(), body);
    left_out["groups"]["vip"].as_object_mut().unwrap().remove("limits");
    assert_eq!(outcomes(&apply(&node, left_out).await), ["unchanged"; 5]);
    lifted["groups"]["vip"]["limits"] = Value::Null;
    lifted["models"][MODEL] = json!({});
    lifted["channels"]["main"].as_object_mut().unwrap().remove("limits");
    let outcomes = outcomes(&apply(&node, lifted).await);
    assert_eq!(outcomes, ["unchanged", "changed", "changed", "unchanged", "changed"]);
    let set = settings().await;
    assert_eq!(set["groups"]["vip"], json!({"strategy": "round_robin"}));
    assert_eq!(set["models"], json!({"other": {"limits": {}}}));
}
