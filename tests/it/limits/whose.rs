//! Limits of users, groups, models and channels, in whatever format the call comes in.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    Admin, ApiClient, Received, Reply, Response, World, admin::text, client::chat, price::MODEL,
    provider::Answer, wait, world::SEEN_MAX,
};

fn short(_: &Received) -> Reply {
    Reply::Answer(Answer::words(3, 20, 3))
}

const PASSWORD: &str = "correct horse battery";

/// Whoever signs in so, administering what is theirs.
async fn signed_in(world: &World, login: &str, password: &str) -> Admin {
    let body = json!({ "login": login, "password": password });
    let session = world.admin().must(Method::POST, "/auth/login", Some(&body), StatusCode::OK).await;
    Admin::new(world.veloera.url(""), &text(&session["access_token"]))
}

async fn set(world: &World, settings: Value) {
    world.admin().must(Method::PATCH, "/settings", Some(&settings), StatusCode::OK).await;
}

async fn token(world: &World, body: Value) -> ApiClient {
    let made = world.admin().create("/tokens", body).await;
    let client = world.client(&text(&made["key"]));
    wait::until("the token", SEEN_MAX, async || {
        client.get("/v1/models").await.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    client
}

async fn asked(client: &ApiClient) -> Response {
    client.chat(&chat(MODEL, "Hello")).await.unwrap()
}

/// Calls until something is in force that refuses: how many were answered since the refusals began is nobody's business.
async fn until_refused(client: &ApiClient) -> Response {
    wait::until("a refusal", SEEN_MAX, async || {
        let answer = asked(client).await;
        (answer.status == 429).then_some(answer)
    })
    .await
}

fn names(refused: &Response, whose: &str) {
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded", "{refused:?}");
    let message = text(&refused.json()["error"]["message"]);
    assert!(message.starts_with(whose), "{message}");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=65).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_limited_over_all_tokens_and_another_users_calls_go_on() {
    let world = World::start(short).await;
    let first = token(&world, json!({ "name": "first" })).await;
    let second = token(&world, json!({ "name": "second" })).await;
    set(&world, json!({ "user_limits": { "requests_per_minute": 4 } })).await;
    let (mut answered, mut refused) = (0, None);
    for client in [&first, &second, &first, &second, &first, &second] {
        let answer = asked(client).await;
        if answer.status == 200 { answered += 1 } else { refused = Some(answer) }
    }
    assert_eq!(answered, 4);
    names(&refused.unwrap(), "the user of this key");
    // Another user has limits of their own.
    let admin = world.admin();
    let user = admin.create("/users", json!({ "name": "Ada", "login": "ada", "password": PASSWORD })).await;
    admin.deposit(&text(&user["account_id"]), 1_000_000_000).await;
    let ada = signed_in(&world, "ada", PASSWORD).await.token("ada's", None).await;
    assert_eq!(asked(&world.client(&ada.key)).await.status, 200);
    // And a group may set others.
    set(&world, json!({ "groups": { "default": { "user_limits": { "requests_per_minute": 100 } } } })).await;
    wait::until("the change", SEEN_MAX, async || (asked(&first).await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_and_a_model_are_limited_over_everybody_and_the_refusal_says_which() {
    let world = World::start(short).await;
    let client = token(&world, json!({ "name": "one of many" })).await;
    for (settings, whose) in [
        (
            json!({ "groups": { "default": { "limits": { "requests_per_minute": 2 } } } }),
            "the group `default`",
        ),
        (json!({ "models": { MODEL: { "limits": { "requests_per_minute": 2 } } } }), "the model `"),
    ] {
        set(&world, settings).await;
        names(&until_refused(&client).await, whose);
        names(&asked(&world.api()).await, whose);
        let charged = world.provider.bills().len();
        world.charges(charged).await;
        set(&world, json!({ "groups": { "default": null }, "models": { MODEL: null } })).await;
        wait::until("the change", SEEN_MAX, async || (asked(&client).await.status == 200).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_takes_no_more_is_passed_over_until_none_is_left() {
    let world = World::start(short).await;
    let admin = world.admin();
    admin.delete_channels().await;
    let limits = json!({ "limits": { "requests_per_minute": 2 } });
    for priority in [1, 0] {
        let id = admin.channel(&world.provider.base_url(), &[MODEL], priority).await;
        admin.must(Method::PATCH, &format!("/channels/{id}"), Some(&limits), StatusCode::OK).await;
    }
    let before = world.provider.bills().len();
    let refused = until_refused(&world.api()).await;
    names(&refused, "the providers of this model");
    assert_eq!(world.provider.bills().len() - before, 4, "two of each");
    let metrics = world.api().get("/metrics").await.unwrap();
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("veloera_limited_total{limiter=\"channel\",metered=\"requests\"}"), "{metrics}");
    world.charges(before + 4).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_refused_alike_wherever_it_is_asked() {
    let world = World::start(short).await;
    let limits = json!({ "requests_per_minute": 1 });
    let client = token(&world, json!({ "name": "limited", "limits": limits })).await;
    assert_eq!(asked(&client).await.status, 200);
    for (path, body) in [
        ("/v1/chat/completions", chat(MODEL, "Hello")),
        ("/v1/completions", json!({ "model": MODEL, "prompt": "Hello" })),
        ("/v1/embeddings", json!({ "model": MODEL, "input": "Hello" })),
    ] {
        let refused = client.post(path, body.to_string()).await.unwrap();
        assert_eq!(refused.status, 429, "{path}: {refused:?}");
        names(&refused, "this key");
        assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"), "{path}");
    }
}
