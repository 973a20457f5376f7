//! The official Python client against the real binary: only `base_url` and `api_key` are changed.

use std::process::{Command, Stdio};

use serde_json::json;
use tests::{
    Received, Reply, World,
    price::MODEL,
    provider::{Answer, Break},
    workspace,
};

/// What the script's messages ask for.
fn answer(request: &Received) -> Reply {
    let text = request.text();
    if let Ok(status) = text.parse() {
        return Reply::status(status);
    }
    Reply::Answer(match text.as_str() {
        "cut" => Answer::words(9, 20, 9).breaking(Break::CutAfter(3)),
        "weather" => Answer::tool_call("get_weather", &json!({ "city": "Paris" })),
        "person" => Answer::text(&json!({ "name": "Ada", "age": 36 }).to_string(), 30, 12),
        _ => Answer::text("Hello from the provider", 20, 4),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_works_with_only_its_address_changed() {
    let root = workspace::root();
    let python = root.join(".venv/bin/python");
    assert!(python.is_file(), "{} is missing: `infra/setup test` makes it", python.display());
    let world = World::start(answer).await;
    let quota = world.admin().token("for nothing", Some(1)).await;
    let output = Command::new(python)
        .arg(root.join("tests/clients/openai_chat.py"))
        .args([world.veloera.url("/v1"), world.api_key.clone(), quota.key, MODEL.to_owned()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("all good\n"), "{said}");
    world.close().await;
}
