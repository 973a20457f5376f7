//! What is taken away, in one go or in parts.

use std::fs;

use serde_json::Value;
use tests::{Launch, Veloera, ledger_facts};

use super::{calls, exported, refused, said, stopped, world};

fn lines_of(file: &str, log: &str) -> Vec<String> {
    let begin = format!("{{\"log\":\"{log}\",\"position\":");
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.starts_with(&begin)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_parts_is_the_export_of_all() {
    let mut world = world().await;
    let data_dir = world.veloera.data_dir();
    calls(&world, 1).await;
    // Beside the running server, and once more while nothing may be lost of what came meanwhile.
    let (_, parts) = exported(&data_dir, "parts", &[]);
    let (_, ledger) = exported(&data_dir, "ledger", &["--log", "ledger", "--to", "3"]);
    calls(&world, 1).await;
    let (control, events) = (
        ledger_facts::events(&world.admin(), "control").await,
        ledger_facts::events(&world.admin(), "ledger").await,
    );
    stopped(&mut world).await;
    exported(&data_dir, "parts", &[]);
    exported(&data_dir, "ledger", &["--log", "ledger"]);
    let whole = said(&data_dir, &["export", "--log", "ledger"]);
    assert_eq!(fs::read_to_string(&ledger).unwrap(), whole);
    assert_eq!(lines_of(&parts, "ledger").join("\n") + "\n", whole);
    assert_eq!(
        lines_of(&parts, "control").join("\n") + "\n",
        said(&data_dir, &["export", "--log", "control"])
    );
    // Each line is what the REST interface shows.
    let parsed = |log| {
        lines_of(&parts, log).iter().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(parsed("control")[..control.len()], control);
    assert_eq!(parsed("ledger")[..events.len()], events);
    // Nothing new is nothing written.
    let before = fs::read(&parts).unwrap();
    let (again, _) = exported(&data_dir, "parts", &[]);
    assert!(again.contains(": 0 ledger events after "), "{again}");
    assert_eq!(fs::read(&parts).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_goes_on_behind_a_torn_line_and_ends_where_it_should() {
    let mut world = world().await;
    calls(&world, 1).await;
    let data_dir = stopped(&mut world).await;
    let whole = said(&data_dir, &["export", "--log", "ledger"]);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in [0, 1, lines[0].len() - 1, lines[0].len(), lines[0].len() + 40, whole.len() - 1] {
        fs::write(data_dir.join("torn"), &whole[..cut]).unwrap();
        let (_, torn) = exported(&data_dir, "torn", &["--log", "ledger"]);
        assert_eq!(fs::read_to_string(torn).unwrap(), whole, "cut to {cut} bytes");
    }
    let middle = said(&data_dir, &["export", "--log", "ledger", "--after", "2", "--to", "4"]);
    assert_eq!(middle, lines[2..4].concat());
    let both = said(&data_dir, &["export", "--after", "ledger:2", "--to", "control:1,ledger:3"]);
    assert_eq!(both.lines().count(), 2);
    assert_eq!(both.lines().last(), Some(lines[2].trim_end()));
    let file = data_dir.join("middle").display().to_string();
    fs::write(&file, &middle).unwrap();
    let hole = refused(&data_dir, &["export", "--log", "ledger", "--out", &file, "--after", "5"], 64);
    assert!(hole.contains("ends with ledger event 4; `--after 5` would leave a hole"), "{hole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_another_log_and_what_is_no_export_are_left_alone() {
    let mut world = world().await;
    let data_dir = stopped(&mut world).await;
    let mut other = Veloera::start(Launch::default()).await;
    other.terminate();
    assert!(other.ended().await.success());
    let (_, foreign) = exported(&other.data_dir(), "foreign", &["--to", "control:3,ledger:2"]);
    let before = fs::read(&foreign).unwrap();
    let refusal = refused(&data_dir, &["export", "--out", &foreign], 1);
    assert!(refusal.contains("was exported from another log: its ledger event 2"), "{refusal}");
    assert_eq!(fs::read(&foreign).unwrap(), before);
    let database = data_dir.join("veloera.db").display().to_string();
    let before = fs::read(&database).unwrap();
    let refusal = refused(&data_dir, &["export", "--out", &database], 1);
    assert!(refusal.contains("is no export"), "{refusal}");
    assert_eq!(fs::read(&database).unwrap(), before);
}
