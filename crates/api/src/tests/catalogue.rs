//! Groups, prices, models and settings: what a call costs, as admins set it.

use serde_json::{Value, json};

use super::fixture::{Answered, MODEL, Node, node};

async fn send(node: &Node, method: &str, path: &str, body: Value) -> Answered {
    node.ask(method, path).by(&node.root).json(body).await_answer().await
}

async fn read(node: &Node, path: &str) -> Answered {
    node.ask("GET", path).by(&node.root).await_answer().await
}

#[tokio::test]
async fn a_group_is_made_changed_and_ended_once_nobody_is_in_it() {
    let node = node().await;
    let made = node.made("/api/v1/groups", json!({"name": "vip & co", "ratio_millionths": 800_000})).await;
    assert_eq!(made, json!({"name": "vip & co", "ratio_millionths": 800_000}));
    let path = "/api/v1/groups/vip%20%26%20co";
    let changed = send(&node, "PATCH", path, json!({"ratio_millionths": 0})).await;
    assert_eq!((changed.json()["ratio_millionths"].clone(), changed.header("etag")), (json!(0), "\"2\""));
    assert_eq!(read(&node, path).await.json(), changed.json());
    let ada = format!("/api/v1/users/{}", node.ada.user_id);
    send(&node, "PATCH", &ada, json!({"group": "vip & co"})).await;
    let refused = send(&node, "DELETE", path, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "not_allowed"));
    send(&node, "PATCH", &ada, json!({"group": "default"})).await;
    assert_eq!(send(&node, "DELETE", path, json!({})).await.status, 204);
    assert_eq!(read(&node, path).await.status, 404);
    let twice = send(&node, "POST", "/api/v1/groups", json!({"name": "a"})).await;
    assert_eq!(twice.json()["ratio_millionths"], 1_000_000);
    assert_eq!(send(&node, "POST", "/api/v1/groups", json!({"name": "a"})).await.code(), "already_exists");
    let wild = json!({"name": "b", "ratio_millionths": 1_000_000_001});
    assert_eq!(send(&node, "POST", "/api/v1/groups", wild).await.code(), "invalid_body");
}

#[tokio::test]
async fn an_own_price_lies_over_the_catalogues_until_it_is_removed() {
    let node = node().await;
    let model = format!("/api/v1/models/{MODEL}");
    assert_eq!(read(&node, &model).await.json()["source"], "catalogue");
    let price = json!({"price": {"rates": {"input": 1, "output": 2}}});
    let path = format!("/api/v1/prices/{MODEL}");
    let set = send(&node, "PUT", &path, price.clone()).await;
    assert_eq!((set.status.as_u16(), set.header("etag")), (200, "\"1\""), "{set:?}");
    assert_eq!(read(&node, &path).await.json(), set.json());
    let found = read(&node, &model).await.json();
    assert_eq!((&found["source"], &found["price"]), (&json!("list"), &price["price"]));
    let late = node.ask("PUT", &path).by(&node.root).header("if-match", "\"7\"").json(price);
    assert_eq!(late.await_answer().await.status, 412);
    assert_eq!(send(&node, "DELETE", &path, json!({})).await.status, 204);
    assert_eq!(send(&node, "DELETE", &path, json!({})).await.status, 404);
    assert_eq!(read(&node, &model).await.json()["source"], "catalogue");
    let wrong = json!({"price": {"rates": {"colour": 1}}});
    assert_eq!(send(&node, "PUT", &path, wrong).await.code(), "invalid_body");
}

#[tokio::test]
async fn a_name_with_slashes_is_one_name() {
    let node = node().await;
    let price = json!({"price": {"per_call": 5}});
    let set = send(&node, "PUT", "/api/v1/prices/some%2Fslashed-model", price).await;
    assert_eq!((set.status.as_u16(), set.json()["model"].clone()), (200, json!("some/slashed-model")));
    assert_eq!(read(&node, "/api/v1/prices").await.json()["items"], json!([set.json()]));
}

#[tokio::test]
async fn models_are_listed_with_what_a_group_pays_and_users_see_what_they_are_served() {
    let node = node().await;
    node.channel().await;
    node.made("/api/v1/groups", json!({"name": "vip", "ratio_millionths": 500_000})).await;
    let served = read(&node, "/api/v1/models?served=true").await.json();
    assert_eq!(
        served["items"].as_array().unwrap().iter().map(|item| &item["model"]).collect::<Vec<_>>(),
        [MODEL]
    );
    let every = read(&node, "/api/v1/models?limit=1000").await.json();
    assert!(every["next_cursor"].is_string(), "thousands are known");
    let unpriced = read(&node, "/api/v1/models?limit=1&cursor=some/slashed-modeL").await.json();
    assert_eq!(
        (&unpriced["items"][0]["model"], &unpriced["items"][0]["price"]),
        (&json!("some/slashed-model"), &Value::Null)
    );
    let vip = read(&node, &format!("/api/v1/models/{MODEL}?group=vip")).await.json();
    assert_eq!((&vip["served"], &vip["ratio_millionths"]), (&json!(false), &json!(500_000)));
    let seen = node.ask("GET", "/api/v1/models").by(&node.ada).await_answer().await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    let foreign = node.ask("GET", "/api/v1/models?group=vip").by(&node.ada).await_answer().await;
    assert_eq!(foreign.code(), "forbidden");
    let hidden = node.ask("GET", "/api/v1/models/gpt-4o").by(&node.ada).await_answer().await;
    assert_eq!(hidden.status, 404);
}

#[tokio::test]
async fn the_default_price_is_set_and_cleared() {
    let node = node().await;
    let path = "/api/v1/settings";
    assert_eq!(
        (read(&node, path).await.json(), read(&node, path).await.header("etag").to_owned()),
        (
            json!({
                "default_price": null, "strategy": "weighted_random", "user_limits": null, "groups": {}, "models": {}
            }),
            "\"0\"".to_owned()
        )
    );
    let price = json!({"rates": {"input": 9}});
    let set = send(&node, "PATCH", path, json!({"default_price": price})).await;
    assert_eq!((set.json()["default_price"].clone(), set.header("etag")), (price, "\"1\""));
    assert_eq!(read(&node, path).await.json(), set.json());
    assert_eq!(send(&node, "PATCH", path, json!({})).await.json(), set.json());
    assert_eq!(read(&node, "/api/v1/models/nobody-knows-it").await.json()["source"], "default");
    let rules =
        json!({"groups": {"default": {"strategy": "round_robin"}}, "user_limits": {"concurrent_calls": 2}});
    let set = send(&node, "PATCH", path, rules).await.json();
    assert_eq!(
        (&set["groups"]["default"]["strategy"], &set["user_limits"]),
        (&json!("round_robin"), &json!({"concurrent_calls": 2}))
    );
    let lifted =
        send(&node, "PATCH", path, json!({"groups": {"default": null}, "user_limits": null})).await.json();
    assert_eq!((&lifted["groups"], &lifted["user_limits"]), (&json!({}), &Value::Null));
    let cleared = send(&node, "PATCH", path, json!({"default_price": null})).await;
    assert_eq!(cleared.json()["default_price"], Value::Null);
    assert_eq!(read(&node, "/api/v1/models/nobody-knows-it").await.status, 404);
}

#[tokio::test]
async fn limits_of_groups_and_models_are_set_by_name_and_lifted_by_name() {
    let node = node().await;
    let path = "/api/v1/settings";
    let limits = json!({"requests_per_minute": 60});
    let body = json!({
        "groups": {"default": {"limits": limits, "user_limits": {"concurrent_calls": 2}}},
        "models": {"a": {"limits": limits}, "b": {"limits": {"tokens_per_minute": 9}}}
    });
    let set = send(&node, "PATCH", path, body.clone()).await.json();
    assert_eq!((&set["groups"], &set["models"]), (&body["groups"], &body["models"]));
    let lifted = send(&node, "PATCH", path, json!({"models": {"a": null}})).await.json();
    assert_eq!(lifted["models"], json!({"b": {"limits": {"tokens_per_minute": 9}}}));
    assert_eq!(read(&node, path).await.json(), lifted);
    for wrong in [
        json!({"models": {"a": {"limits": {"requests_per_minute": 0}}}}),
        json!({"models": {"a": {"limits": {"requests": 1}}}}),
    ] {
        assert_eq!(send(&node, "PATCH", path, wrong).await.code(), "invalid_body");
    }
}
