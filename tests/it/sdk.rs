//! The official clients against the real binary: only their base URL and key are changed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

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

const COMPLETES: &str = "gpt-3.5-turbo-instruct";
const EMBEDS: &str = "text-embedding-3-small";

/// Runs a script of that client, which checks everything itself.
async fn works(program: &Path, script: &str) {
    assert!(program.exists(), "{} is missing: `infra/setup test` makes it", program.display());
    let world = World::start(answer).await;
    let admin = world.admin();
    admin.channel(&world.provider.base_url(), &[COMPLETES, EMBEDS], 0).await;
    let quota = admin.token("for nothing", Some(1)).await;
    let output = Command::new(program)
        .arg(workspace::root().join("tests/clients").join(script))
        .args([&world.veloera.url("/v1"), &world.api_key, &quota.key, MODEL, COMPLETES, EMBEDS])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("all good\n"), "{said}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_works_with_only_its_address_changed() {
    works(&workspace::root().join(".venv/bin/python"), "openai_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_node_client_works_with_only_its_address_changed() {
    let client = workspace::root().join("tests/clients/node_modules/openai");
    assert!(client.is_dir(), "{} is missing: `infra/setup test` fetches it", client.display());
    works(Path::new("/usr/bin/env"), "node").await;
}
