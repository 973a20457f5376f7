//! `veloera audit`: what was can be replayed and taken away, and what was changed is found.

mod damage;
mod export;
mod replay;

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use domain::account::Mode;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tests::{Reply, World, admin::text, binary, client::chat, ledger_facts, price::MODEL, provider::Answer};

const NOBODY: &str = "00000000-0000-7000-8000-00000000ffff";

async fn world() -> World {
    World::start(|_| Reply::Answer(Answer::words(3, 20, 5))).await
}

/// Makes so many calls, and waits until they are charged.
async fn calls(world: &World, count: usize) {
    let before = ledger_facts::charges(&world.admin()).await.len();
    for _ in 0..count {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    }
    world.charges(before + count).await;
}

fn audit(data_dir: &Path, arguments: &[&str]) -> Output {
    let data_dir = data_dir.display().to_string();
    binary::run(["audit"].iter().chain(arguments).chain(&["--data-dir", &data_dir]))
}

/// What an audit prints that must succeed, and says nothing where no terminal is.
fn said(data_dir: &Path, arguments: &[&str]) -> String {
    let output = audit(data_dir, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Why an audit ends with `code`.
fn refused(data_dir: &Path, arguments: &[&str], code: i32) -> String {
    let output = audit(data_dir, arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
    complaint
}

fn replay(data_dir: &Path, arguments: &[&str]) -> Value {
    let said = said(data_dir, &[&["replay", "--json"], arguments].concat());
    serde_json::from_str(&said).unwrap()
}

/// Exports into a file beside the data, and gives what was said and where it is.
fn exported(data_dir: &Path, name: &str, arguments: &[&str]) -> (String, String) {
    let file = data_dir.join(name).display().to_string();
    (said(data_dir, &[&["export", "--out", &file], arguments].concat()), file)
}

/// What `audit verify` says of data that is not as it should be.
fn report(data_dir: &Path) -> Value {
    let output = audit(data_dir, &["verify", "--json"]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaint}"));
    assert_eq!(report["ok"], false);
    report
}

/// Somebody with the database in hand.
async fn intruder(data_dir: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data_dir.join("veloera.db"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Each statement changes something, or nothing but the schema.
async fn intruded(data_dir: &Path, statements: &[&str]) {
    let mut intruder = intruder(data_dir).await;
    for sql in statements {
        let changed = sqlx::query(sql).execute(&mut intruder).await.unwrap().rows_affected();
        assert!(changed > 0 || sql.starts_with("DROP"), "{sql}");
    }
    intruder.close().await.unwrap();
}

/// Somebody with no respect for triggers.
async fn tampered(data_dir: &Path, sql: &str) {
    intruded(data_dir, &["DROP TRIGGER ledger_events_no_update", sql]).await;
}

/// Ends the gateway in order, and gives where its data is.
async fn stopped(world: &mut World) -> PathBuf {
    world.veloera.terminate();
    assert!(world.veloera.ended().await.success());
    world.veloera.data_dir()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_found_and_its_event_named() {
    let mut world = world().await;
    calls(&world, 1).await;
    let data_dir = stopped(&mut world).await;
    assert_eq!(world.veloera.verified()["charges"], 1);
    let whole = said(&data_dir, &["export", "--log", "ledger"]);
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let charge = whole.lines().map(event).find(|event| event["event_type"] == "quota_deducted").unwrap();
    assert_eq!(charge["payload"]["mode"], serde_json::to_value(Mode::Whole).unwrap());
    let position = charge["position"].as_u64().unwrap();
    let sql = format!(
        "UPDATE ledger_events SET payload = replace(payload, '\"output_tokens\":5', '\"output_tokens\":4') \
         WHERE position = {position}"
    );
    tampered(&data_dir, &sql).await;
    let named = format!("event {position} of the ledger log was changed");
    let report = report(&data_dir);
    assert!(
        report["broken"].as_array().unwrap().iter().any(|fault| text(fault).contains(&named)),
        "{report:#}"
    );
    let people = audit(&data_dir, &["verify"]).stdout;
    assert!(String::from_utf8_lossy(&people).contains(&format!("BROKEN  {named}")));
    // What stood before it still stands.
    let (before, at) = ((position - 1).to_string(), position.to_string());
    replay(&data_dir, &["--to", &before]);
    assert!(refused(&data_dir, &["replay", "--to", &at], 1).contains(&named));
    let ledger = ["export", "--log", "ledger"];
    let exported = said(&data_dir, &[&ledger[..], &["--to", &before]].concat());
    assert!(whole.starts_with(&exported) && exported.lines().count() as u64 == position - 1);
    assert!(refused(&data_dir, &ledger, 1).contains(&named));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_as_it_was_asked_is_an_error_of_use() {
    let mut world = world().await;
    let data_dir = stopped(&mut world).await;
    let bad = |arguments: &[&str], why: &str| {
        let refusal = refused(&data_dir, arguments, 64);
        assert!(refusal.contains(why), "{arguments:?}: {refusal}");
    };
    for to in ["soon", "-1", "1.5", ""] {
        bad(&["replay", "--to", to], "`--to` must be a position");
        bad(&["export", "--to", to], "`--to` must be a position");
    }
    bad(&["replay", "--to", "1000000"], "`--to` is 1000000, but the ledger log ends at ");
    bad(&["replay", "--log", "control", "--to", "1000000"], "but the control log ends at ");
    bad(&["export", "--after", "control:1000000"], "but the control log ends at ");
    bad(&["replay", "--log", "both"], "`--log` must be control or ledger");
    bad(&["export", "--log", "all"], "`--log` must be control, ledger or both");
    bad(&["replay", "--account", "me"], "`--account` must be an account's id");
    let refusal = refused(&data_dir, &["replay", "--account", NOBODY], 1);
    assert!(refusal.contains(&format!("is about account {NOBODY}")), "{refusal}");
}
