//! Bad input and bad providers: a clear error each time, and nothing lost.

use std::{fs, process::Output};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    Launch, Received, Reply, Response, World, binary,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::Answer,
};

/// Answers, but for a status that the message names.
fn answer(request: &Received) -> Reply {
    match request.text().as_str() {
        "come back later" => Reply::Status { status: 429, retry_after: Some(7) },
        "hang up" => Reply::HangUp,
        text => match text.parse() {
            Ok(status) => Reply::status(status),
            Err(_) => Reply::Answer(Answer::words(3, 20, 3)),
        },
    }
}

/// The error in the format of the API's clients.
fn error(answer: &Response) -> Value {
    let error = answer.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer:?}");
    assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    error
}

const MESSAGES: &str = r#""messages":[{"role":"user","content":"Hello"}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused_by_name_and_costs_nothing() {
    let world = World::start(answer).await;
    let bodies = [
        ("{", None),
        ("", None),
        ("[]", None),
        ("\u{0}", None),
        (r#"{"model":"gpt-4o-mini"}"#, Some("messages")),
        (&format!("{{{MESSAGES}}}"), Some("model")),
        (&format!(r#"{{"model":7,{MESSAGES}}}"#), Some("model")),
        (&format!(r#"{{"model":"","stream":false,{MESSAGES}}}"#), Some("model")),
        (&format!(r#"{{"model":"gpt-4o-mini","model":"gpt-4o",{MESSAGES}}}"#), Some("model")),
        (&format!(r#"{{"model":"gpt-4o-mini","Model":"gpt-4o",{MESSAGES}}}"#), Some("model")),
        (&format!(r#"{{"model":"gpt-4o-mini","mod\u0065l":"gpt-4o",{MESSAGES}}}"#), Some("model")),
        (&format!(r#"{{"model":"gpt-4o-mini","stream":"yes",{MESSAGES}}}"#), Some("stream")),
        (&format!(r#"{{"model":"gpt-4o-mini","n":0,{MESSAGES}}}"#), Some("n")),
        (&format!(r#"{{"model":"gpt-4o-mini","max_tokens":-1,{MESSAGES}}}"#), Some("max_tokens")),
        (r#"{"model":"gpt-4o-mini","messages":"Hello"}"#, Some("messages")),
        (r#"{"model":"gpt-4o-mini","messages":[]}"#, Some("messages")),
        (&format!(r#"{{"model":"gpt-4o-mini",{MESSAGES}}} x"#), None),
        (&"[".repeat(100_000), None),
    ];
    for (body, param) in bodies {
        let answer = world.api().post("/v1/chat/completions", body.to_owned()).await.unwrap();
        assert_eq!(answer.status, 400, "{body:.80}: {answer:?}");
        let error = error(&answer);
        if let Some(param) = param {
            let named = error["param"].as_str().unwrap_or_default().eq_ignore_ascii_case(param);
            let told = error["message"].as_str().unwrap().to_lowercase().contains(param);
            assert!(named || told, "{body:.80}: {error}");
        }
    }
    assert!(world.provider.received().is_empty(), "the provider never heard of them");
    let good = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(good.status, 200);
    world.charges(1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_the_limit_is_refused_before_it_is_kept() {
    let world = World::start(answer).await;
    let mut body = chat(MODEL, "Hello");
    body["messages"][0]["content"] = "a".repeat(33 * 1024 * 1024).into();
    // A server may answer and close before it has read everything: then the client sees the connection break.
    if let Ok(answer) = world.api().chat(&body).await {
        assert_eq!(answer.status, 413, "{answer:?}");
        error(&answer);
    }
    assert!(world.provider.received().is_empty());
    assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    world.charges(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_key_comes_in() {
    let world = World::start(answer).await;
    for key in ["", "sk-wrong", "garbage with spaces", "sk-\u{fc}", &"s".repeat(5_000)] {
        let Ok(answer) = world.client(key).chat(&chat(MODEL, "Hello")).await else {
            panic!("{key:.20}: no answer");
        };
        assert_eq!(answer.status, 401, "{key:.20}: {answer:?}");
        assert_eq!(error(&answer)["code"], "invalid_api_key");
    }
    let admin_key = world.veloera.demo()["admin_key"].as_str().unwrap().to_owned();
    let answer = world.client(&admin_key).chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(answer.status, 401, "an admin's key is no token");
    assert!(world.provider.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_out() {
    let world = World::start(answer).await;
    let admin = world.admin();
    let token = admin.token("to be revoked", None).await;
    assert_eq!(world.client(&token.key).chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    admin.delete(&format!("/tokens/{}", token.id)).await;
    assert_eq!(world.client(&token.key).chat(&chat(MODEL, "Hello")).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_in_the_clients_format() {
    let world = World::start(answer).await;
    let answer = world.api().chat(&chat("no-such-model", "Hello")).await.unwrap();
    assert_eq!(
        (answer.status, error(&answer)["code"].clone()),
        (StatusCode::NOT_FOUND, json!("model_not_found"))
    );
    let answer = world.api().post("/v1/no/such/path", "{}").await.unwrap();
    assert_eq!(answer.status, 404);
    error(&answer);
    let answer = world.api().get("/v1/chat/completions").await.unwrap();
    assert_eq!(answer.status, 405);
    error(&answer);
}

/// What the provider says, and what the client hears.
const HEARD: [(&str, u16, &str); 8] = [
    ("500", 502, "upstream_error"),
    ("hang up", 502, "upstream_error"),
    ("401", 502, "upstream_error"),
    ("403", 502, "upstream_error"),
    ("429", 429, "rate_limit_exceeded"),
    ("come back later", 429, "rate_limit_exceeded"),
    ("400", 400, ""),
    ("422", 422, ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_told_as_what_it_is() {
    let world = World::start(answer).await;
    let admin = world.admin();
    for (said, status, code) in HEARD {
        for body in [chat(MODEL, said), streamed_chat(MODEL, said)] {
            let answer = world.api().chat(&body).await.unwrap();
            assert_eq!(answer.status.as_u16(), status, "{said}: {answer:?}");
            let error = error(&answer);
            assert!(code.is_empty() || error["code"] == code, "{said}: {error}");
            if said == "come back later" {
                assert!(answer.header("retry-after").is_some(), "{answer:?}");
            }
            // A channel that failed may be rested: each call here gets a fresh one.
            admin.delete_channels().await;
            admin.channel(&world.provider.base_url(), &[MODEL], 0).await;
        }
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_told_which_field_is_wrong() {
    let world = World::start(answer).await;
    let admin = world.admin();
    let token = |body: Value| {
        let admin = &admin;
        async move { admin.send(Method::POST, "/tokens", Some(&body)).await.unwrap() }
    };
    for (body, field) in [
        (json!({ "name": "a", "quota": 1 }), "quota"),
        (json!({ "name": 7 }), "name"),
        (json!({ "name": "a", "quota_nanos": -1 }), "quota_nanos"),
        (json!({ "name": "a", "quota_nanos": 9_007_199_254_740_993_u64 }), "quota_nanos"),
        (json!({ "name": "a", "quota_nanos": 0.5 }), "quota_nanos"),
        (json!({}), "name"),
    ] {
        let answer = token(body.clone()).await;
        assert!(answer.status == 400 || answer.status == 422, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        let problem = answer.json();
        assert!(problem["detail"].as_str().unwrap_or_default().contains(field), "{body}: {problem}");
        assert_eq!(problem["status"], answer.status.as_u16());
    }
    let stranger = tests::Admin::new(world.veloera.url(""), "vk-wrong");
    let answer = stranger.send(Method::GET, "/channels", None).await.unwrap();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (StatusCode::UNAUTHORIZED, &json!("unauthenticated"))
    );
}

/// Starts with this file and this variable, which must not do.
fn refused(file: &str, variable: (&str, &str)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("veloera.toml");
    fs::write(&path, file).unwrap();
    let Output { status, stderr, .. } = binary::command()
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env(variable.0, variable.1)
        .output()
        .unwrap();
    assert!(!status.success(), "it took {file:?} and {variable:?}");
    assert!(!folder.path().join("data").exists(), "it made data all the same");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn a_configuration_that_cannot_be_is_refused_by_name() {
    let nothing = ("VELOERA_LISTEN", "");
    for (file, variable, named) in [
        ("no_such_key = 1", nothing, "no_such_key"),
        ("listen = 'nowhere'", nothing, "listen"),
        ("listen = [1]", nothing, "listen"),
        ("listen = '127.0.0.1:0'\nlisten = '127.0.0.1:0'", nothing, "listen"),
        ("", ("VELOERA_NO_SUCH_KEY", "1"), "NO_SUCH_KEY"),
        ("", ("VELOERA_TOTAL_TIMEOUT_MS", "soon"), "total_timeout_ms"),
        ("role = 'emperor'", nothing, "role"),
    ] {
        let said = refused(file, variable);
        assert!(said.contains(named), "{file:?}, {variable:?}: {said}");
    }
}

#[test]
fn a_master_key_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary::command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
    let output = command.env("VELOERA_MASTER_KEY", "short").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("VELOERA_MASTER_KEY"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_data_directory_serves_one_process() {
    let world = World::launched(Launch::default(), answer).await;
    let data_dir = world.veloera.data_dir().display().to_string();
    let second = binary::run(["serve", "--listen", "127.0.0.1:0", "--data-dir", &data_dir]);
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"), "{second:?}");
    assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200, "the first goes on");
}
