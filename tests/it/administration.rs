//! Administration from outside: the first start, users by hand, a file that is applied, the end of who follows.

use std::{
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tests::{
    Admin, Http, Veloera, binary,
    http::request,
    veloera::{Launch, START_MAX},
    wait,
};

const PASSWORD: &str = "correct horse battery";

/// Runs a subcommand on a data directory, with `stdin`.
fn run(data_dir: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut command = binary::command();
    command.args(arguments).arg("--data-dir").arg(data_dir).current_dir(data_dir.parent().unwrap());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // Who needs no input may have ended before it comes.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn printed(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn sign_in(veloera: &Veloera, login: &str, password: &str) -> Option<Admin> {
    Admin::signed_in(veloera.url(""), login, password).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_prints_a_link_that_makes_one_root() {
    let mut veloera = Veloera::start(Launch::default().bare()).await;
    let link = wait::until("the link", START_MAX, async || {
        let log = veloera.log();
        log.lines().map(str::trim).find(|line| line.contains("/setup?secret=")).map(str::to_owned)
    })
    .await;
    let form = || {
        let form = format!("name=Ada&login=ada&password={}", PASSWORD.replace(' ', "+"));
        let ask = Request::post(&link).header("content-type", "application/x-www-form-urlencoded");
        ask.body(Full::new(Bytes::from(form))).unwrap()
    };
    let http = Http::default();
    assert_eq!(http.exchange(form()).await.unwrap().status, StatusCode::CREATED);
    assert_eq!(http.exchange(form()).await.unwrap().status, StatusCode::GONE);
    let root = sign_in(&veloera, "ada", PASSWORD).await.expect("the new root signs in");
    assert_eq!(root.get("/me").await["role"], "root");
    assert_eq!(veloera.log().matches("/setup?secret=").count(), 1);
    veloera.kill();
    veloera.restart().await;
    assert_eq!(veloera.log().matches("/setup?secret=").count(), 1, "there is a root now");
    assert!(sign_in(&veloera, "ada", PASSWORD).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_and_let_in_again_by_hand_while_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let create = ["user", "create", "--login", "Ada", "--password-stdin", "--admin-key"];
    let made: Value = serde_json::from_str(&printed(&run(&data_dir, &create, "first password\n"))).unwrap();
    assert_eq!((&made["login"], &made["password"]), (&json!("ada"), &Value::Null));
    assert!(told(&run(&data_dir, &create, "first password\n")).contains("the sign-in name is taken"));
    let mut veloera = Veloera::start_in(folder, Launch::default().bare()).await;
    assert!(!veloera.log().contains("/setup?secret="), "there is a root");
    let by_key = Admin::new(veloera.url(""), made["admin_key"].as_str().unwrap());
    assert_eq!(by_key.get("/me").await["id"], made["user_id"]);
    assert!(sign_in(&veloera, "ada", "first password").await.is_some());
    let reset = ["user", "reset-password", "--login", "ada"];
    assert!(told(&run(&veloera.data_dir(), &reset, "")).contains("in use by another process"));
    veloera.kill();
    let reset: Value = serde_json::from_str(&printed(&run(&veloera.data_dir(), &reset, ""))).unwrap();
    veloera.restart().await;
    assert!(sign_in(&veloera, "ada", "first password").await.is_none());
    assert!(sign_in(&veloera, "ada", reset["password"].as_str().unwrap()).await.is_some());
}

const FILE: &str = "[groups.vip]\nratio_millionths = 800000\n\n[prices.echo]\nrates = { input = 7 }\n\n\
     [channels.main]\nprovider = \"echo\"\nkeys = [\"@secret\"]\nmodels = [\"echo\"]\ngroups = [\"vip\"]\n";

/// What each line says has become of a thing.
fn outcomes(printed: &str) -> Vec<&str> {
    printed.lines().map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_applied_to_a_data_directory_and_to_a_server_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    for (name, text) in [("wanted.toml", FILE), ("secret", "sk-1\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let apply = ["apply", "wanted.toml"];
    assert_eq!(outcomes(&printed(&run(&data_dir, &apply, ""))), ["created"; 3]);
    assert_eq!(outcomes(&printed(&run(&data_dir, &apply, ""))), ["unchanged"; 3]);
    let create = ["user", "create", "--login", "ada", "--admin-key"];
    let made: Value = serde_json::from_str(&printed(&run(&data_dir, &create, ""))).unwrap();
    std::fs::write(folder.path().join("key"), made["admin_key"].as_str().unwrap()).unwrap();
    std::fs::write(folder.path().join("wanted.toml"), FILE.replace("800000", "700000")).unwrap();
    let veloera = Veloera::start_in(folder, Launch::default().bare()).await;
    let server = veloera.url("");
    let asked = ["apply", "wanted.toml", "--server", &server, "--admin-key-file", "key"];
    let first = printed(&run(&veloera.data_dir(), &asked, ""));
    assert_eq!(outcomes(&first), ["changed", "unchanged", "unchanged"]);
    let bad = FILE.replace("provider = \"echo\"", "provider = \"nobody\"");
    std::fs::write(veloera.data_dir().with_file_name("wanted.toml"), bad).unwrap();
    let refused = told(&run(&veloera.data_dir(), &asked, ""));
    assert!(refused.contains("the channel `main`: `provider`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_log_does_not_hold_up_the_end() {
    let mut veloera = Veloera::start(Launch::default().set("DRAIN_TIMEOUT_MS", 86_400_000)).await;
    let key = veloera.demo()["admin_key"].as_str().unwrap().to_owned();
    let ask = request(Method::GET, &veloera.url("/api/v1/events/tail?after=0"), &key, None);
    let mut body = Http::default().open(ask).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok(), "it follows");
    veloera.terminate();
    assert!(veloera.ended().await.success());
}
